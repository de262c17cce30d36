// The preset by settings: whatever form a receiver was written for, so that it goes on as it is.
import { airy } from "./airy.ts";
import { digestAfter } from "./digest-after.ts";
import { standard } from "./standard.ts";
import { svix } from "./svix.ts";
import type { Preset, SignatureScheme } from "./types.ts";

const PREAMBLES = {
  body: null,
  "timestamp.body": (_id, timestamp) => `${timestamp}.`,
  "id.timestamp.body": standard.signature.preamble,
} as const satisfies Record<string, SignatureScheme["preamble"]>;

const ENVELOPES = { raw: svix, airy, standard } as const;

/** What there is to choose from; the first is what it is unless chosen. */
export const ENCODINGS = ["hex", "base64"] as const satisfies SignatureScheme["encoding"][];
export const SIGNED = ["body", "timestamp.body", "id.timestamp.body"] as const;
export const ENVELOPE_NAMES = ["raw", "airy", "standard"] as const;

/** A webhook's `preset_settings`. */
export type PresetSettings = {
  signature_header: string;
  id_header: string | null;
  timestamp_header: string | null;
  /** What stands before the digest in the signature header; `{timestamp}` in it is the attempt's time. */
  prefix: string;
  encoding: (typeof ENCODINGS)[number];
  signed: (typeof SIGNED)[number];
  envelope: (typeof ENVELOPE_NAMES)[number];
};

/** The same as a person writes them: what is left out is not sent, or is the first of its choices. */
export type GivenPresetSettings = Pick<PresetSettings, "signature_header"> &
  Partial<PresetSettings>;

/** GitHub's form, to show one. */
export const SAMPLE_SETTINGS: PresetSettings = {
  signature_header: "X-Hub-Signature-256",
  id_header: "X-GitHub-Delivery",
  timestamp_header: null,
  prefix: "sha256=",
  encoding: "hex",
  signed: "body",
  envelope: "raw",
};

/** The preset that some settings make. Its policy is that of `airy`, and so is its key: any text. */
export function customPreset({
  signature_header: signatureHeader,
  id_header: idHeader,
  timestamp_header: timestampHeader,
  prefix,
  encoding,
  signed = "body",
  envelope = "raw",
}: GivenPresetSettings): Preset {
  const { body, open } = ENVELOPES[envelope];
  return {
    ...airy,
    name: "custom",
    signatureHeader,
    idHeader,
    timestampHeader,
    signature: digestAfter(prefix, encoding, PREAMBLES[signed]),
    body,
    open,
  };
}
