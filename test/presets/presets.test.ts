import { randomBytes } from "node:crypto";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";

import { buildRequest } from "../../src/presets/build.ts";
import { UnusableKeyError } from "../../src/presets/hmac.ts";
import { PRESET_NAMES, PRESETS } from "../../src/presets/index.ts";
import { anyEvent } from "./arbitraries.ts";
import { CASES, EVENT, ROWS, SENT_AT } from "./cases.ts";

const SENT = "1700000000";

test("every preset has a row in the table of cases, and airy comes first as the default", () => {
  expect(Object.keys(CASES)).toEqual(Object.keys(PRESETS)); // but custom, which is as it is set: custom.test.ts
  expect(PRESET_NAMES[0]).toBe("airy");
});

describe.each(ROWS)(
  "$name",
  ({ name, key, badKeys, body, signature, malformed, forged, type, policy }) => {
    const preset = PRESETS[name];
    const attempt = { keys: [key], attempt: 3, sentAt: SENT_AT };

    test("its policy is the documented one", () => {
      expect(preset).toMatchObject({ name, ...policy });
    });

    test("the body is byte for byte the documented one, with the payload's text untouched", () => {
      expect(buildRequest(preset, EVENT, attempt).body.toString()).toBe(body);
    });

    test("the headers say which event, which attempt and when, and carry the signature of those bytes", () => {
      expect(buildRequest(preset, EVENT, { ...attempt, sequence: 42 }).headers).toEqual({
        "Content-Type": "application/json",
        "Webhook-Id": EVENT.id,
        "Webhook-Timestamp": "1700000000",
        "Webhook-Attempt": "3",
        "Webhook-Sequence": "42",
        ...(name === "svix" && { "svix-id": EVENT.id, "svix-timestamp": "1700000000" }),
        [preset.signatureHeader]: signature,
      });
    });

    test("without a key there is no signature header", () => {
      const { headers } = buildRequest(preset, EVENT, { ...attempt, keys: [] });
      expect(headers).not.toHaveProperty([preset.signatureHeader]);
    });

    test("a key it can't sign with is refused in words, before and at sending, and never quoted", () => {
      for (const bad of badKeys) {
        const wrong = preset.checkKey(bad);
        expect(wrong).toEqual(expect.any(String));
        if (bad.length > "whsec_".length) expect(wrong).not.toContain(bad);
        expect(() => buildRequest(preset, EVENT, { ...attempt, keys: [bad] })).toThrow(
          UnusableKeyError,
        );
      }
      expect(preset.checkKey(key)).toBeNull();
    });

    test("a key it generates is one it takes, and no two are alike", () => {
      const keys = [preset.generateKey(randomBytes), preset.generateKey(randomBytes)];
      expect(keys.map((generated) => preset.checkKey(generated))).toEqual([null, null]);
      expect(keys[0]).not.toBe(keys[1]);
    });

    test("during a rotation both keys sign where the header can carry two, else the newest alone", () => {
      const newest = preset.generateKey(randomBytes);
      const value = (keys: string[]) =>
        buildRequest(preset, EVENT, { ...attempt, keys }).headers[preset.signatureHeader];
      expect(value([newest, key])).toBe(
        preset.keyOverlap ? `${value([newest])} ${signature}` : value([newest]),
      );
    });

    test("the header's value reads back, and one not exactly of its form holds no signature", () => {
      const { read, write } = preset.signature;
      expect(write(read(signature, SENT), SENT)).toBe(signature);
      expect(forged.map((value) => write(read(value, SENT), SENT))).toEqual(forged);
      expect(malformed.flatMap((value) => read(value, SENT))).toEqual([]);
    });

    test("any event's body is JSON that opens to the same type, time and payload", () => {
      fc.assert(
        fc.property(anyEvent, (event) => {
          const text = buildRequest(preset, event, { ...attempt, keys: [] }).body.toString();
          expect(text).toContain(event.payload);
          const opened = preset.open(JSON.parse(text));
          expect(opened?.type).toBe(type === null ? null : event.type);
          expect(opened?.payload).toEqual(JSON.parse(event.payload));
          const lostMs = Date.parse(opened?.timestamp ?? "") - event.timestamp.getTime();
          if (opened && opened.timestamp !== null)
            expect(lostMs <= 0 && lostMs > -1_000).toBe(true);
        }),
      );
    });
  },
);
