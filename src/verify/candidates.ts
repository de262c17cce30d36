// Which presets a request may be of, each with the digests that its signature header holds.
import { PRESETS, type PresetName } from "../presets/index.ts";
import type { Preset } from "../presets/types.ts";
import { SignatureVerificationError } from "./errors.ts";
import { headerOf, isHeaderValue, textOf, type HeadersLike, type HeaderValue } from "./headers.ts";

export type Candidate = { preset: Preset; digests: string[] };

/** The presets whose signature the request carries; throws where there is none. Where `name` is given, that one alone. */
export function candidatesFor(
  given: HeadersLike | HeaderValue,
  name: PresetName | undefined,
): Candidate[] {
  const presets = name === undefined ? Object.values(PRESETS) : [presetOf(name)];
  const found = presets.flatMap((preset) => {
    const value = isHeaderValue(given) ? textOf(given) : headerOf(given, preset.signatureHeader);
    return value === undefined || value === ""
      ? []
      : [{ preset, digests: preset.signature.read(value) }];
  });
  if (found.length === 0) {
    const headers = [...new Set(presets.map((preset) => preset.signatureHeader))].join(", ");
    throw new SignatureVerificationError(
      "missing_signature",
      `no signature (${headers}): the webhook at the sender has no key, or this did not come from it`,
    );
  }
  const readable = found.filter(({ digests }) => digests.length > 0);
  if (readable.length === 0) {
    throw new SignatureVerificationError(
      "malformed_signature",
      "the signature does not have the form that its preset gives it",
    );
  }
  return readable;
}

function presetOf(name: PresetName): Preset {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name];
  const names = Object.keys(PRESETS).join(", ");
  throw new SignatureVerificationError("unknown_preset", `unknown preset: use one of ${names}`);
}
