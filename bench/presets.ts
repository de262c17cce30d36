// What building and signing one request costs, per preset: at most 15 µs for an event of 1 KB.
import { randomBytes } from "node:crypto";

import { buildRequest } from "../src/presets/build.ts";
import { PRESET_NAMES, PRESETS } from "../src/presets/index.ts";

const ROUNDS = 5;
const CALLS_PER_ROUND = 50_000;

/** The µs of each round, by preset. */
export function benchPresets(): [preset: string, rounds: number[]][] {
  const now = new Date();
  const event = {
    id: "evt_0190163d8694739d9f1b2c3d4e5f6071",
    type: "message.created",
    timestamp: now,
    payload: JSON.stringify({ text: "a".repeat(1_024 - '{"text":""}'.length) }),
  };
  return PRESET_NAMES.map((name) => {
    const preset = PRESETS[name];
    const attempt = {
      keys: [preset.generateKey(randomBytes)],
      attempt: 1,
      sentAt: now,
      sequence: 1,
    };
    const rounds = Array.from({ length: ROUNDS }, () => {
      const startedAt = performance.now();
      for (let i = 0; i < CALLS_PER_ROUND; i++) buildRequest(preset, event, attempt);
      return ((performance.now() - startedAt) * 1_000) / CALLS_PER_ROUND;
    });
    return [name, rounds];
  });
}
