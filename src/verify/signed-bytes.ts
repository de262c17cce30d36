// The bytes that a preset's signature covers, and the age of a timestamp among them.
import { utf8 } from "../presets/encoding.ts";
import type { Preset } from "../presets/types.ts";
import { SignatureVerificationError } from "./errors.ts";
import { headerOf, type HeadersLike, type HeaderValue } from "./headers.ts";

/** The body, after the id and the timestamp in the headers where the preset signs those too. */
export function signedBytes(
  preset: Preset,
  given: HeadersLike | HeaderValue,
  body: Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  if (preset.signature.preamble === null) return body;
  const { id, timestamp } = signedHeaders(preset, given);
  const preamble = utf8(preset.signature.preamble(id, timestamp));
  const bytes = new Uint8Array(preamble.length + body.length);
  bytes.set(preamble);
  bytes.set(body, preamble.length);
  return bytes;
}

/** Refuses a request that was sent too long ago, or in the future, where the preset signs the time. */
export function checkAge(
  preset: Preset,
  given: HeadersLike | HeaderValue,
  { toleranceS, now }: { toleranceS: number; now: Date },
): void {
  if (preset.signature.preamble === null) return;
  const ageS = Math.abs(now.getTime() / 1_000 - Number(signedHeaders(preset, given).timestamp));
  // Turned round so that a NaN, from an invalid date or a tolerance that is no number, refuses.
  if (!(ageS <= toleranceS)) {
    throw new SignatureVerificationError(
      "timestamp_out_of_tolerance",
      `Webhook-Timestamp is not within ${toleranceS} s of this machine's clock: a replay, or a clock that is off`,
    );
  }
}

function signedHeaders(preset: Preset, given: HeadersLike | HeaderValue) {
  const id = headerOf(given, "Webhook-Id");
  const timestamp = headerOf(given, "Webhook-Timestamp");
  if (id === undefined) {
    throw new SignatureVerificationError(
      "headers_needed",
      `preset ${preset.name} signs Webhook-Id and Webhook-Timestamp too: pass all the request's headers`,
    );
  }
  if (timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) {
    throw new SignatureVerificationError(
      "timestamp_missing",
      "Webhook-Timestamp is missing or not a number of Unix seconds",
    );
  }
  return { id, timestamp };
}
