// What the deliveries of one event share, and what is each one's own.
import { createHash, createHmac } from "node:crypto";

import { expect, test } from "@jest/globals";

import { build, type Built } from "../../src/delivery/build.ts";
import type { Target } from "../../src/delivery/target.ts";
import { PRESETS, type Preset } from "../../src/presets/index.ts";
import type { EventToSend } from "../../src/store/events-to-send.ts";

const EVENT: EventToSend = {
  id: "01987654-3210-7000-8000-0123456789ab",
  tenant: "default",
  type: "message.created",
  timestamp: new Date(1_603_661_094_560),
  payload: '{"text":"hello"}',
  schema_checked: true,
  traceparent: null,
};

const targetOf = (key: string, preset: Preset = PRESETS.airy): Target => ({
  webhookId: 1,
  id: "1",
  version: "1",
  url: "https://example.com/",
  preset,
  host: "example.com",
  scheduleS: [],
  timeoutMs: 1_000,
  secrets: { headers: {}, key, keyVersion: 1, previousKey: null },
  lacksKey: false,
});

function built(target: Target, event: EventToSend = { ...EVENT }): Built & { kind: "built" } {
  const facts = { attempt: 1, sequence: 1, sentAt: new Date(0), traceparent: null };
  const made = build(target, event, { ...facts, http: "preset" });
  if (made.kind !== "built") throw new Error(made.error);
  return made;
}

test("the body of one event is made once for its webhooks of one preset, and each signs it with its own key", () => {
  const event = { ...EVENT };
  const [first, second] = [built(targetOf("key one"), event), built(targetOf("key two"), event)];
  expect(second.request.body).toBe(first.request.body);
  for (const [made, key] of [
    [first, "key one"],
    [second, "key two"],
  ] as const)
    expect(made.signature).toBe(createHmac("sha256", key).update(made.request.body).digest("hex"));
});

test("webhooks of other presets get their own body of it, in whatever order they come, and the hash of that", () => {
  const event = { ...EVENT };
  const key = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
  const { airy, standard } = PRESETS;
  for (const preset of [airy, standard, airy, airy, standard]) {
    const { request, bodySha256 } = built(targetOf(key, preset), event);
    expect(request.body.toString()).toBe(
      built(targetOf(key, preset)).request.body.toString(), // of the same event read by itself
    );
    expect(JSON.parse(request.body.toString())).toHaveProperty(
      preset === airy ? "payload" : "data",
      { text: "hello" },
    );
    expect(bodySha256).toBe(createHash("sha256").update(request.body).digest("hex"));
  }
});
