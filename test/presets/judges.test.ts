import { randomBytes } from "node:crypto";

import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";

import { buildRequest } from "../../src/presets/build.ts";
import { PRESETS } from "../../src/presets/index.ts";
import { anyEvent, anyKeyOf } from "./arbitraries.ts";
import { EVENT } from "./cases.ts";

const { standard } = PRESETS;

// The judges read the clock themselves, so what they are shown is sent now.
describe.each([
  { judge: "standardwebhooks", Webhook: StandardWebhook },
  { judge: "svix", Webhook: SvixWebhook },
])("the npm package $judge", ({ Webhook }) => {
  test("accepts any event in the preset standard under any key, and reads the same payload", () => {
    fc.assert(
      fc.property(anyEvent, anyKeyOf("standard"), (event, key) => {
        const request = buildRequest(standard, event, {
          keys: [key],
          attempt: 1,
          sentAt: new Date(),
        });
        const said = new Webhook(key).verify(request.body, lowerCased(request.headers));
        expect(said).toMatchObject({ type: event.type, data: JSON.parse(event.payload) });
      }),
    );
  });

  test("accepts the old key and the new one during a rotation, and no third", () => {
    const keys = [standard.generateKey(randomBytes), standard.generateKey(randomBytes)];
    const { body, headers } = buildRequest(standard, EVENT, {
      keys,
      attempt: 1,
      sentAt: new Date(),
    });
    for (const key of keys) new Webhook(key).verify(body, lowerCased(headers));
    const third = new Webhook(standard.generateKey(randomBytes));
    expect(() => third.verify(body, lowerCased(headers))).toThrow("No matching signature");
  });
});

test("Svix's npm package accepts any event in the preset svix by the headers that Svix sends alone", () => {
  const { svix } = PRESETS;
  fc.assert(
    fc.property(anyEvent, anyKeyOf("svix"), (event, key) => {
      const facts = { keys: [key], attempt: 1, sentAt: new Date() };
      const { body, headers } = buildRequest(svix, event, facts);
      const sent = Object.entries(headers).filter(([name]) => name.startsWith("svix-"));
      expect(sent).toHaveLength(3);
      expect(body.toString()).toBe(event.payload);
      const said = new SvixWebhook(key).verify(body, Object.fromEntries(sent));
      expect(said).toEqual(JSON.parse(event.payload));
    }),
  );
});

function lowerCased(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v]));
}
