// Which presets a request may be of, each with the digests that its signature header holds.
import type { GivenPresetSettings } from "../presets/custom.ts";
import { findPreset, PRESET_NAMES, PRESETS, type PresetName } from "../presets/index.ts";
import type { Preset } from "../presets/types.ts";
import { SignatureVerificationError } from "./errors.ts";
import { headerOf, isHeaderValue, textOf, type HeadersLike, type HeaderValue } from "./headers.ts";

export type Candidate = { preset: Preset; digests: string[] };

/** Which preset a request has to be of, where that is known. */
export type Wanted = { name: PresetName | undefined; settings: GivenPresetSettings | undefined };

/** The presets whose signature the request carries; throws where there is none. Where one is wanted, that one alone. */
export function candidatesFor(given: HeadersLike | HeaderValue, wanted: Wanted): Candidate[] {
  const preset = presetOf(wanted);
  const presets = preset ? [preset] : Object.values(PRESETS);
  const timestamp = headerOf(given, "Webhook-Timestamp") ?? "";
  const found = presets.flatMap((preset) => {
    const value = isHeaderValue(given) ? textOf(given) : headerOf(given, preset.signatureHeader);
    return value === undefined || value === ""
      ? []
      : [{ preset, digests: preset.signature.read(value, timestamp) }];
  });
  if (found.length === 0) {
    const headers = [...new Set(presets.map((preset) => preset.signatureHeader))].join(", ");
    throw new SignatureVerificationError(
      "missing_signature",
      `no signature (${headers}): the sender's webhook has no key, or this did not come from it`,
    );
  }
  const readable = found.filter(({ digests }) => digests.length > 0);
  if (readable.length === 0) {
    throw new SignatureVerificationError(
      "malformed_signature",
      "the signature does not have the form of its preset",
    );
  }
  return readable;
}

function presetOf({ name, settings }: Wanted): Preset | undefined {
  if (name === undefined && !settings) return undefined;
  const preset = findPreset({
    preset: name ?? "custom",
    preset_settings: settings?.signature_header && settings,
  });
  if (preset) return preset;
  const names = PRESET_NAMES.join(", ");
  throw new SignatureVerificationError(
    "unknown_preset",
    `unknown preset: use one of ${names}, which needs presetSettings`,
  );
}
