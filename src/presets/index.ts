// The map of presets: a sixth is one file, one line here and one row in the table of test cases.
import { aimessage } from "./aimessage.ts";
import { airy } from "./airy.ts";
import { aisoule } from "./aisoule.ts";
import { messagesDev } from "./messages-dev.ts";
import { standard } from "./standard.ts";
import { svix } from "./svix.ts";
import type { Preset } from "./types.ts";

/** Every preset by the name that a webhook's `preset` carries. */
export const PRESETS = {
  airy,
  standard,
  aimessage,
  "messages-dev": messagesDev,
  aisoule,
  svix,
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

/** The names, the default first. */
export const PRESET_NAMES = Object.keys(PRESETS) as [PresetName, ...PresetName[]];

export type { OutgoingEvent, Preset } from "./types.ts";
