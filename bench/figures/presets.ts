// What building and signing one request of 1 KB costs, per preset.
import { randomBytes } from "node:crypto";

import { buildRequest } from "../../src/presets/build.ts";
import { PRESET_NAMES, presetOf } from "../../src/presets/index.ts";
import { SAMPLE_SETTINGS } from "../../src/presets/custom.ts";
import { payloadOf } from "../service.ts";
import type { Group } from "../stage.ts";

const CALLS = 50_000;
const US_MAX = 15;

export const presets: Group = {
  title: "Building and signing",
  about: "One request of 1 KB, in memory.",
  rounds: 5,
  run({ note, count }) {
    const now = new Date();
    const event = {
      id: "evt_0190163d8694739d9f1b2c3d4e5f6071",
      type: "message.created",
      timestamp: now,
      payload: payloadOf(1_024),
    };
    for (const name of PRESET_NAMES) {
      const preset = presetOf({ preset: name, preset_settings: SAMPLE_SETTINGS });
      const keys = [preset.generateKey(randomBytes)];
      const calls = count(CALLS);
      const startedAt = performance.now();
      for (let call = 0; call < calls; call++)
        buildRequest(preset, event, { keys, attempt: 1, sentAt: now, sequence: 1 });
      const us = ((performance.now() - startedAt) * 1_000) / calls;
      note(`build and sign, ${name}`, us, "µs", { atMost: US_MAX });
    }
    return Promise.resolve();
  },
};
