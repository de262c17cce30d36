import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

import { describe, expect, test } from "@jest/globals";

import { buildRequest } from "../../src/presets/build.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { isSigned } from "../../src/verify/digest.ts";
import {
  SignatureVerificationError,
  verifyWebhook,
  type SignatureVerificationCode,
} from "../../src/verify/index.ts";
import { EVENT, ROWS, SENT_AT } from "../presets/cases.ts";

const PAYLOAD = JSON.parse(EVENT.payload) as unknown;
const now = SENT_AT;

describe.each(ROWS)(
  "$name",
  ({ name, key, badKeys, body, signature, malformed, forged, timestamp, type = EVENT.type }) => {
    const preset = PRESETS[name];
    const { headers } = buildRequest(preset, EVENT, { keys: [key], attempt: 1, sentAt: SENT_AT });
    const event = { id: EVENT.id, type, timestamp, payload: PAYLOAD };
    const otherKey = preset.generateKey((size) => new Uint8Array(size).fill(7));

    test("a genuine webhook is answered as its event, with the preset named or told from the headers", async () => {
      expect(await verifyWebhook(body, headers, key, { preset: name, now })).toEqual(event);
      expect(await verifyWebhook(body, headers, key, { now })).toEqual(event);
    });

    test("headers verify as Fetch's Headers, as a plain object in any case, and as node:http gives them", async () => {
      const shouted = Object.entries(headers).map(([k, v]) => [k.toUpperCase(), v]);
      for (const form of [
        new Headers(headers),
        Object.fromEntries(shouted),
        await throughNode(headers),
      ]) {
        expect(await verifyWebhook(body, form, key, { preset: name, now })).toEqual(event);
      }
    });

    test("the body verifies as a string, bytes, a view into a larger buffer and an ArrayBuffer", async () => {
      const bytes = new TextEncoder().encode(body);
      const larger = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("after")]);
      const view = larger.subarray("before".length, "before".length + bytes.length);
      for (const form of [body, bytes, Buffer.from(body), view, bytes.buffer]) {
        expect(await verifyWebhook(form, headers, key, { preset: name, now })).toEqual(event);
      }
    });

    test("the signature header's value alone is enough where it covers the body alone, and then there is no id", async () => {
      const verified = verifyWebhook(body, signature, key);
      const named = verifyWebhook(body, signature, key, { preset: name });
      if (preset.signature.preamble === null) {
        expect(await verified).toEqual({ ...event, id: null });
        expect(await named).toEqual({ ...event, id: null });
      } else {
        await refuses(verified, "headers_needed");
        await refuses(named, "headers_needed");
      }
    });

    test("any of several keys is enough, so a receiver can rotate", async () => {
      for (const keys of [
        [otherKey, key],
        [key, otherKey],
      ]) {
        expect(await verifyWebhook(body, headers, keys, { preset: name, now })).toEqual(event);
      }
    });

    test("another key is refused", async () => {
      await refuses(
        verifyWebhook(body, headers, otherKey, { preset: name, now }),
        "signature_mismatch",
      );
      await refuses(
        verifyWebhook(body, headers, [otherKey, otherKey], { now }),
        "signature_mismatch",
      );
    });

    test("a truncated, extended, re-cased or otherwise versioned signature is refused, in every form of call", async () => {
      for (const [value, code] of [
        ...malformed.map((value) => [value, "malformed_signature"] as const),
        ...forged.map((value) => [value, "signature_mismatch"] as const),
      ]) {
        const all = { ...headers, [preset.signatureHeader]: value };
        await refuses(verifyWebhook(body, all, key, { preset: name, now }), code);
        const codes = [code, "headers_needed"] as const;
        await refuses(verifyWebhook(body, value, key, { preset: name }), ...codes);
        // Where no preset is named it may be another's signature, and then this is not that one's envelope.
        await refuses(verifyWebhook(body, all, key, { now }), ...codes, "invalid_body");
        await refuses(verifyWebhook(body, value, key), ...codes, "invalid_body", "invalid_key");
      }
    });

    test("a digest is compared in its whole length, whatever form let it pass", async () => {
      const bytes = new TextEncoder().encode(body);
      const bodyAlone = { ...preset, signature: { ...preset.signature, preamble: null } };
      const header = buildRequest(bodyAlone, EVENT, { keys: [key], attempt: 1, sentAt: SENT_AT });
      const [digest = ""] = preset.signature.read(header.headers[preset.signatureHeader] ?? "", "");
      expect(await isSigned(bodyAlone, [key], bytes, [digest])).toBe(true);
      for (const part of ["", digest.slice(0, 1), digest.slice(0, -1), `${digest}0`]) {
        expect(await isSigned(bodyAlone, [key], bytes, [part])).toBe(false);
      }
    });

    test("a signature header that was sent twice is refused, unless it is one that may hold several", async () => {
      const twice = { ...headers, [preset.signatureHeader]: [signature, signature] };
      const verified = verifyWebhook(body, twice, key, { preset: name, now });
      if (preset.keyOverlap) expect(await verified).toEqual(event);
      else await refuses(verified, "malformed_signature");
    });

    test("no signature at all is refused as missing", async () => {
      const { [preset.signatureHeader]: _, ...unsigned } = headers;
      const absent = "missing_signature";
      await refuses(verifyWebhook(body, unsigned, key, { preset: name, now }), absent);
      await refuses(verifyWebhook(body, new Headers(unsigned), key, { now }), absent);
      await refuses(verifyWebhook(body, {}, key, { preset: name }), absent);
      await refuses(verifyWebhook(body, undefined, key, { preset: name }), absent);
      await refuses(verifyWebhook(body, "", key), absent);
    });

    test("a key the preset can't have is named as the receiver's own mistake, and not quoted", async () => {
      for (const bad of badKeys) {
        const error = await refuses(
          verifyWebhook(body, headers, bad, { preset: name, now }),
          "invalid_key",
        );
        if (bad.length > "whsec_".length) expect(error.message).not.toContain(bad);
      }
      for (const bad of [[], undefined, null, 7, [undefined]] as unknown as string[]) {
        await refuses(verifyWebhook(body, headers, bad, { preset: name, now }), "invalid_key");
      }
    });

    test("a body that was parsed already is refused with the advice to pass raw bytes", async () => {
      for (const parsed of [JSON.parse(body), {}, [], null, undefined, 1] as string[]) {
        const error = await refuses(verifyWebhook(parsed, headers, key, { now }), "invalid_body");
        expect(error.message).toContain("raw bytes");
      }
    });

    test("what is signed but no envelope of this preset is refused", async () => {
      const strange = ["{", ""];
      const enveloped = ["{}", "[]", "null", '"text"', '{"type":1,"event":1}'];
      for (const payload of type === null ? strange : [...strange, ...enveloped]) {
        const other = { ...preset, body: () => payload };
        const request = buildRequest(other, EVENT, { keys: [key], attempt: 1, sentAt: SENT_AT });
        await refuses(
          verifyWebhook(request.body, request.headers, key, { preset: name, now }),
          "invalid_body",
        );
      }
    });
  },
);

describe("the time of a preset that signs it", () => {
  const row = ROWS.find(({ name }) => name === "standard")!;
  const { headers } = buildRequest(PRESETS.standard, EVENT, {
    keys: [row.key],
    attempt: 1,
    sentAt: SENT_AT,
  });
  const verifiedAt = (offsetS: number, toleranceS?: number) =>
    verifyWebhook(row.body, headers, row.key, {
      now: new Date((1_700_000_000 + offsetS) * 1_000),
      toleranceS,
    });

  test("up to 300 seconds old or ahead is accepted, and no more", async () => {
    await verifiedAt(300);
    await verifiedAt(-300);
    await refuses(verifiedAt(300.001), "timestamp_out_of_tolerance");
    await refuses(verifiedAt(-301), "timestamp_out_of_tolerance");
  });

  test("the tolerance can be set, and one that is no number accepts nothing", async () => {
    await verifiedAt(86_400, 86_400);
    await refuses(verifiedAt(2, 1), "timestamp_out_of_tolerance");
    await refuses(verifiedAt(0, Number.NaN), "timestamp_out_of_tolerance");
  });

  test("the machine's clock is used where no other is given", async () => {
    await refuses(verifyWebhook(row.body, headers, row.key), "timestamp_out_of_tolerance");
    const request = buildRequest(PRESETS.standard, EVENT, {
      keys: [row.key],
      attempt: 1,
      sentAt: new Date(),
    });
    await verifyWebhook(request.body, request.headers, row.key);
  });

  test("a missing or strange timestamp, or another id, is refused", async () => {
    for (const strange of [
      undefined,
      "",
      "1700000000.0",
      "1e9",
      "-1",
      "0x10",
      " ",
      "9".repeat(400),
    ]) {
      const forged = { ...headers, "Webhook-Timestamp": strange };
      await refuses(verifyWebhook(row.body, forged, row.key, { now }), "timestamp_missing");
    }
    for (const forged of [
      { ...headers, "Webhook-Timestamp": "1700000001" },
      { ...headers, "Webhook-Timestamp": "01700000000" },
      { ...headers, "Webhook-Id": "evt_another" },
    ]) {
      await refuses(verifyWebhook(row.body, forged, row.key, { now }), "signature_mismatch");
    }
    const { "Webhook-Id": _, ...anonymous } = headers;
    await refuses(verifyWebhook(row.body, anonymous, row.key, { now }), "headers_needed");
  });

  test("a genuine signature is found beside those of other keys and other versions", async () => {
    const value = `v1a,${"A".repeat(86)}== v1,${"A".repeat(43)}= ${row.signature}`;
    const several = { ...headers, "Webhook-Signature": value };
    await verifyWebhook(row.body, several, row.key, { now });
  });
});

test("a preset that does not exist is named as such, whatever Object.prototype holds", async () => {
  for (const name of ["nope", "constructor", "__proto__", "toString"] as string[] as "airy"[]) {
    await refuses(verifyWebhook("{}", {}, "key", { preset: name }), "unknown_preset");
  }
});

test("another preset's signature header does not stand in for the one that was named", async () => {
  const { key, body, signature } = ROWS.find(({ name }) => name === "airy")!;
  const elsewhere = { "X-Webhook-Signature": signature };
  await refuses(verifyWebhook(body, elsewhere, key, { preset: "airy" }), "missing_signature");
});

test("a payload's __proto__ stays data", async () => {
  const event = { ...EVENT, payload: '{"__proto__":{"admin":true}}' };
  const { body, headers } = buildRequest(PRESETS.airy, event, {
    keys: ["key"],
    attempt: 1,
    sentAt: SENT_AT,
  });
  const { payload } = await verifyWebhook(body, headers, "key", { preset: "airy" });
  expect(Object.hasOwn(payload as object, "__proto__")).toBe(true);
  expect((payload as { admin?: boolean }).admin).toBeUndefined();
});

async function refuses(
  verified: Promise<unknown>,
  ...codes: SignatureVerificationCode[]
): Promise<SignatureVerificationError> {
  const error = await verified.then(
    (event) => new Error(`accepted: ${JSON.stringify(event)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SignatureVerificationError)) throw error;
  expect(codes).toContain(error.code);
  return error;
}

/** The headers as a node:http server sees them. */
async function throughNode(headers: Record<string, string>): Promise<IncomingHttpHeaders> {
  const server = createServer();
  const seen = once(server, "request") as Promise<[IncomingMessage, ServerResponse]>;
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const answered = fetch(url, { headers });
  const [request, response] = await seen;
  response.end();
  await answered;
  server.closeAllConnections();
  await once(server.close(), "close");
  return request.headers;
}
