import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { buildRequest } from "../../src/presets/build.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { SignatureVerificationError, verifyWebhook } from "../../src/verify/index.ts";
import { anyEvent, anyKeyOf } from "../presets/arbitraries.ts";
import { ROWS, SENT_AT } from "../presets/cases.ts";

const now = SENT_AT;

describe.each(ROWS)("$name", ({ name }) => {
  const preset = PRESETS[name];
  const anyRequest = fc.tuple(anyEvent, anyKeyOf(name)).map(([event, key]) => ({
    event,
    key,
    ...buildRequest(preset, event, { keys: [key], attempt: 1, sentAt: SENT_AT }),
  }));

  test("any event under any key verifies as itself", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, async ({ event, key, body, headers }) => {
        const verified = await verifyWebhook(body, headers, key, { preset: name, now });
        const type = name === "svix" ? null : event.type; // its body is the payload alone
        expect(verified).toMatchObject({ id: event.id, type });
        expect(verified.payload).toEqual(JSON.parse(event.payload));
      }),
    );
  });

  test("any one flipped bit of the body is refused", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, fc.nat(), async ({ key, body, headers }, at) => {
        await refuses(verifyWebhook(flipped(body, at), headers, key, { preset: name, now }));
      }),
    );
  });

  test("any one flipped bit of the signature is refused", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, fc.nat(), async ({ key, body, headers }, at) => {
        const value = Buffer.from(headers[preset.signatureHeader] ?? "");
        const forged = flipped(value, at).toString("latin1");
        const all = { ...headers, [preset.signatureHeader]: forged };
        await refuses(verifyWebhook(body, all, key, { preset: name, now }));
        await refuses(verifyWebhook(body, forged, key));
      }),
    );
  });

  test("any other key is refused", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, anyKeyOf(name), async ({ key, body, headers }, other) => {
        fc.pre(!Buffer.from(preset.keyBytes(key)).equals(preset.keyBytes(other)));
        await refuses(verifyWebhook(body, headers, other, { preset: name, now }));
      }),
    );
  });

  test("any text in the signature's place is refused", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, fc.string(), async ({ key, body, headers }, text) => {
        const all = { ...headers, [preset.signatureHeader]: text };
        await refuses(verifyWebhook(body, all, key, { preset: name, now }));
      }),
    );
  });
});

/** A copy with one bit turned over; `at` counts bits and wraps around. */
function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const bit = at % (copy.length * 8);
  const index = bit >> 3;
  copy[index] = (copy[index] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

async function refuses(verified: Promise<unknown>): Promise<void> {
  await expect(verified).rejects.toBeInstanceOf(SignatureVerificationError);
}
