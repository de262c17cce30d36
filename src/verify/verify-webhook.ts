// verifyWebhook: from a raw request to a trusted event, or an error that says why not.
import type { GivenPresetSettings } from "../presets/custom.ts";
import type { PresetName } from "../presets/index.ts";
import { bytesOf, parseBody, type RawBody } from "./body.ts";
import { candidatesFor, type Candidate } from "./candidates.ts";
import { isSigned } from "./digest.ts";
import { SignatureVerificationError } from "./errors.ts";
import { headerOf, type HeadersLike, type HeaderValue } from "./headers.ts";
import { checkAge, signedBytes } from "./signed-bytes.ts";

const TOLERANCE_S = 300; // what Standard Webhooks' own libraries allow

export type VerifyOptions = {
  /** The preset the webhook was subscribed with; left out, it is recognised by the headers and the body. */
  preset?: PresetName | undefined;
  /** Of the preset `custom`: the webhook's `preset_settings`. */
  presetSettings?: GivenPresetSettings | undefined;
  /** How old a signed timestamp may be, and how far ahead, in seconds: 300. Only `standard`, `svix` and some of `custom` sign one. */
  toleranceS?: number | undefined;
  /** What time it is, for tests. */
  now?: Date | undefined;
};

/** A genuine event, in the same shape whatever the preset. */
export type VerifiedEvent = {
  /** De-duplicate on it: the same on every attempt. Null where a header's value alone was given. */
  id: string | null;
  /** Null in `svix`, and in `custom` without an envelope: the body is the payload alone. */
  type: string | null;
  /** When it happened, ISO 8601 with milliseconds; null where the body does not tell. */
  timestamp: string | null;
  payload: unknown;
};

/**
 * Proves that a webhook came from whoever holds the key, unchanged, and answers its event; throws
 * `SignatureVerificationError` otherwise. Give the body as it came, before any JSON parsing, and either all the
 * headers or the signature header's value. Several keys are tried in turn, for a rotation.
 *
 * @example
 * const event = await verifyWebhook(rawBody, request.headers, key, { preset: "airy" });
 * console.log(event.type, event.payload);
 */
export async function verifyWebhook(
  rawBody: RawBody,
  headersOrSignature: HeadersLike | HeaderValue,
  key: string | readonly string[],
  {
    preset: name,
    presetSettings: settings,
    toleranceS = TOLERANCE_S,
    now = new Date(),
  }: VerifyOptions = {},
): Promise<VerifiedEvent> {
  const body = bytesOf(rawBody);
  const candidates = candidatesFor(headersOrSignature, { name, settings });
  const keys = typeof key === "string" ? [key] : key;
  const usable = withUsableKeys(candidates, keys);

  const genuine: Candidate[] = [];
  for (const candidate of usable) {
    const signed = signedBytes(candidate.preset, headersOrSignature, body);
    if (await isSigned(candidate.preset, keys, signed, candidate.digests)) genuine.push(candidate);
  }
  if (genuine.length === 0) {
    throw new SignatureVerificationError(
      "signature_mismatch",
      "the signature is not this body's under this key: another key, or bytes changed on the way",
    );
  }

  const value = parseBody(body);
  for (const { preset } of genuine) {
    const event = preset.open(value);
    if (event === null) continue;
    checkAge(preset, headersOrSignature, { toleranceS, now });
    return { id: idOf(headersOrSignature), ...event };
  }
  throw new SignatureVerificationError(
    "invalid_body",
    `the body is signed, but is no envelope of ${genuine.map(({ preset }) => preset.name).join(", ")}`,
  );
}

/** Leaves out the presets that these keys are none for, and says what is wrong where that leaves nothing. */
function withUsableKeys(candidates: Candidate[], keys: readonly string[]): Candidate[] {
  if (!Array.isArray(keys) || keys.length === 0 || keys.some((key) => typeof key !== "string")) {
    throw new SignatureVerificationError(
      "invalid_key",
      "the key has to be text, or a list of texts",
    );
  }
  const wrongWith = ({ preset }: Candidate) =>
    keys.map((key: string) => preset.checkKey(key)).find((wrong) => wrong !== null) ?? null;
  const usable = candidates.filter((candidate) => wrongWith(candidate) === null);
  if (usable.length > 0) return usable;
  const wrong = candidates.map(wrongWith)[0] ?? "";
  throw new SignatureVerificationError("invalid_key", `the key ${wrong}`);
}

function idOf(given: HeadersLike | HeaderValue): string | null {
  return headerOf(given, "Webhook-Id") ?? null;
}
