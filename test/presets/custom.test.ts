// The preset by settings, judged by the checks that others' receivers make, written here with node:crypto alone.
import { createHmac, timingSafeEqual } from "node:crypto";

import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { buildRequest } from "../../src/presets/build.ts";
import {
  customPreset,
  ENCODINGS,
  ENVELOPE_NAMES,
  SAMPLE_SETTINGS,
  SIGNED,
  type GivenPresetSettings,
  type PresetSettings,
} from "../../src/presets/custom.ts";
import { findPreset, PRESETS } from "../../src/presets/index.ts";
import { SignatureVerificationError, verifyWebhook } from "../../src/verify/index.ts";
import { anyEvent } from "./arbitraries.ts";
import { EVENT, SENT_AT } from "./cases.ts";

const KEY = "whsec_any text: it is no base64";
const SENT = "1700000000";
const FACTS = { keys: [KEY], attempt: 1, sentAt: SENT_AT };

const built = (settings: GivenPresetSettings, event = EVENT) =>
  buildRequest(customPreset(settings), event, FACTS);

type Receiver = {
  settings: GivenPresetSettings;
  isGenuine(body: Buffer, headers: Headers): boolean;
};

const same = (a: string, b: string) =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
const hmac = (...parts: (string | Buffer)[]) => {
  const made = createHmac("sha256", KEY);
  for (const part of parts) made.update(part);
  return made;
};

const RECEIVERS: Record<string, Receiver> = {
  // As @octokit/webhooks-methods verifies.
  GitHub: {
    settings: SAMPLE_SETTINGS,
    isGenuine: (body, headers) =>
      headers.get("x-github-delivery") === EVENT.id &&
      same(headers.get("x-hub-signature-256") ?? "", `sha256=${hmac(body).digest("hex")}`),
  },
  Shopify: {
    settings: {
      signature_header: "X-Shopify-Hmac-Sha256",
      id_header: "X-Shopify-Webhook-Id",
      encoding: "base64",
    },
    isGenuine: (body, headers) =>
      same(headers.get("x-shopify-hmac-sha256") ?? "", hmac(body).digest("base64")),
  },
  // As stripe.webhooks.constructEvent does: the header is split at its commas, and the time in it is part of what is signed.
  Stripe: {
    settings: {
      signature_header: "Stripe-Signature",
      prefix: "t={timestamp},v1=",
      signed: "timestamp.body",
    },
    isGenuine(body, headers) {
      const parts = (headers.get("stripe-signature") ?? "").split(",");
      const fields = Object.fromEntries(parts.map((part) => part.split("=") as [string, string]));
      const expected = hmac(`${fields["t"]}.`, body).digest("hex");
      return fields["t"] === SENT && same(fields["v1"] ?? "", expected);
    },
  },
  "Standard Webhooks in hex": {
    settings: {
      signature_header: "X-Signature",
      id_header: "X-Id",
      timestamp_header: "X-Time",
      prefix: "HMAC ",
      signed: "id.timestamp.body",
      envelope: "standard",
    },
    isGenuine(body, headers) {
      const signed = `${headers.get("x-id")}.${headers.get("x-time")}.`;
      const expected = `HMAC ${hmac(signed, body).digest("hex")}`;
      return same(headers.get("x-signature") ?? "", expected) && "data" in JSON.parse(String(body));
    },
  },
};

test.each(Object.entries(RECEIVERS))(
  "a receiver that verifies as for %s takes what is sent, and nothing that was changed",
  async (_name, { settings, isGenuine }) => {
    const { body, headers } = built(settings, { ...EVENT, payload: '{"id":1}' });
    expect(isGenuine(body, new Headers(headers))).toBe(true);
    expect(isGenuine(Buffer.from(`${body.toString()} `), new Headers(headers))).toBe(false);

    const options = { preset: "custom", presetSettings: settings, now: SENT_AT } as const;
    const event = await verifyWebhook(body, headers, KEY, options);
    expect(event).toMatchObject({ id: EVENT.id, payload: { id: 1 } });
  },
);

const anyHeader = fc.stringMatching(/^x-[a-z0-9-]{1,20}$/);
const anySettings: fc.Arbitrary<PresetSettings> = fc.record({
  signature_header: anyHeader.map((name) => `${name}-s`),
  id_header: fc.option(anyHeader.map((name) => `${name}-i`)),
  timestamp_header: fc.option(anyHeader.map((name) => `${name}-t`)),
  prefix: fc.oneof(
    fc.stringMatching(/^[!-~][ -~]{0,20}$/),
    fc.constant(""),
    fc.constant("t={timestamp},v1="),
  ),
  encoding: fc.constantFrom(...ENCODINGS),
  signed: fc.constantFrom(...SIGNED),
  envelope: fc.constantFrom(...ENVELOPE_NAMES),
});

test("any event under any settings verifies as itself by the same settings, and by no others", async () => {
  await fc.assert(
    fc.asyncProperty(anyEvent, anySettings, anySettings, async (event, settings, others) => {
      const { body, headers } = built(settings, event);
      expect(headers[settings.signature_header]).toMatch(
        settings.encoding === "hex" ? /[0-9a-f]{64}$/ : /[A-Za-z0-9+/]{43}=$/,
      );
      const by = (presetSettings: GivenPresetSettings) =>
        verifyWebhook(body, new Headers(headers), KEY, { presetSettings, now: SENT_AT });
      const verified = await by(settings);
      expect(verified).toMatchObject({ id: event.id });
      expect(verified.payload).toEqual(JSON.parse(event.payload));
      if (settings.envelope !== "raw") expect(verified.type).toBe(event.type);

      fc.pre(settings.signed !== others.signed || settings.encoding !== others.encoding);
      const { encoding, signed } = others;
      await expect(by({ ...settings, encoding, signed })).rejects.toThrow(
        SignatureVerificationError,
      );
    }),
  );
});

test("what is left out of settings is not sent, and is the first of its choices", () => {
  const { body, headers } = built({ signature_header: "X-Signature" });
  expect(body.toString()).toBe(EVENT.payload);
  expect(headers).toEqual({
    "Content-Type": "application/json",
    "Webhook-Id": EVENT.id,
    "Webhook-Timestamp": SENT,
    "Webhook-Attempt": "1",
    "X-Signature": createHmac("sha256", KEY).update(EVENT.payload).digest("hex"),
  });
});

test("an old attempt is refused where the settings sign the time", async () => {
  const settings = { signature_header: "X-S", signed: "timestamp.body" } as const;
  const { body, headers } = built(settings);
  const late = { presetSettings: settings, now: new Date(SENT_AT.getTime() + 301_000) };
  await expect(verifyWebhook(body, headers, KEY, late)).rejects.toMatchObject({
    code: "timestamp_out_of_tolerance",
  });
});

test("another time in the signature's prefix is refused, though nothing else was changed", async () => {
  const { settings } = RECEIVERS["Stripe"]!;
  const { body, headers } = built(settings);
  const forged = {
    ...headers,
    "Stripe-Signature": headers["Stripe-Signature"]!.replace(SENT, "1"),
  };
  await expect(
    verifyWebhook(body, forged, KEY, { presetSettings: settings, now: SENT_AT }),
  ).rejects.toMatchObject({ code: "malformed_signature" });
});

test("custom without settings is no preset, to a receiver and to a worker alike", async () => {
  for (const presetSettings of [undefined, {} as PresetSettings])
    await expect(
      verifyWebhook("{}", {}, KEY, { preset: "custom", presetSettings }),
    ).rejects.toMatchObject({ code: "unknown_preset" });
  expect(findPreset({ preset: "custom", preset_settings: null })).toBeUndefined();
  expect(findPreset({ preset: "of a newer program", preset_settings: null })).toBeUndefined();
  expect(findPreset({ preset: "airy", preset_settings: null })).toBe(PRESETS.airy);
});
