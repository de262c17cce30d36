// Judges the settings of the preset `custom` beside what else a webhook says.
import { judgeSentHeader } from "../egress/headers.ts";
import { invalid } from "../kernel/errors.ts";
import type { Settings } from "./settings.ts";

/** Throws the 400 for settings without their preset, for the preset without settings, and for headers that can't be theirs. */
export function checkPreset({ preset, preset_settings: settings }: Settings): void {
  if (preset !== "custom") {
    if (settings !== null)
      throw invalid(
        "preset_settings",
        `preset ${preset} has none: leave them out, or choose the preset custom`,
      );
    return;
  }
  if (settings === null)
    throw invalid(
      "preset_settings",
      "the preset custom is what its settings make it: give at least a signature_header",
    );
  const seen = new Map<string, string>();
  for (const field of ["signature_header", "id_header", "timestamp_header"] as const) {
    const name = settings[field];
    if (name === null) continue;
    const before = seen.get(name.toLowerCase());
    const why =
      judgeSentHeader(name) ??
      (before === undefined ? undefined : `is that of ${before}, too: each needs one of its own`);
    if (why !== undefined) throw invalid(`preset_settings.${field}`, why);
    seen.set(name.toLowerCase(), field);
  }
}

/** Throws the 400 for a header of the webhook's own that its preset's settings name, too: one of the two would never arrive. */
export function refuseSameHeader(
  { preset_settings: settings }: Settings,
  own: Readonly<Record<string, string>>,
): void {
  if (settings === null) return;
  const { signature_header, id_header, timestamp_header } = settings;
  const names = [signature_header, id_header, timestamp_header].map((name) => name?.toLowerCase());
  const same = Object.keys(own).find((name) => names.includes(name.toLowerCase()));
  if (same !== undefined)
    throw invalid(
      `headers.${same}`,
      "is a header that preset_settings name, too: take it out of one of the two",
    );
}
