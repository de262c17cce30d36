// The map of presets: a seventh is one file, one line here and one row in the table of test cases.
import { aimessage } from "./aimessage.ts";
import { airy } from "./airy.ts";
import { aisoule } from "./aisoule.ts";
import { customPreset, type PresetSettings } from "./custom.ts";
import { messagesDev } from "./messages-dev.ts";
import { standard } from "./standard.ts";
import { svix } from "./svix.ts";
import type { Preset } from "./types.ts";

/** Every preset that is what its name says, by that name. */
export const PRESETS = {
  airy,
  standard,
  aimessage,
  "messages-dev": messagesDev,
  aisoule,
  svix,
} as const satisfies Record<string, Preset>;

export type NamedPreset = keyof typeof PRESETS;

/** What a webhook's `preset` carries; `custom` is what its `preset_settings` make it. */
export type PresetName = NamedPreset | "custom";

/** The names, the default first. */
export const PRESET_NAMES: [PresetName, ...PresetName[]] = [
  ...(Object.keys(PRESETS) as [NamedPreset, ...NamedPreset[]]),
  "custom",
];

/** The preset of a webhook, undefined where this program does not know it. Settings that are stored were judged before. */
export function findPreset(webhook: {
  preset: string;
  preset_settings: unknown;
}): Preset | undefined {
  const { preset, preset_settings: settings } = webhook;
  if (preset === "custom") return settings ? customPreset(settings as PresetSettings) : undefined;
  return Object.hasOwn(PRESETS, preset) ? PRESETS[preset as NamedPreset] : undefined;
}

/** The same, where it is one that this program knows. */
export function presetOf(webhook: {
  preset: PresetName;
  preset_settings: PresetSettings | null;
}): Preset {
  const preset = findPreset(webhook);
  if (!preset) throw new Error(`no preset is made of ${webhook.preset} without settings`);
  return preset;
}

export type { PresetSettings } from "./custom.ts";
export type { OutgoingEvent, Preset } from "./types.ts";
