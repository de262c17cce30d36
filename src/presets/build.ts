// One attempt's body and headers, from the event, the keys and the time: pure.
import { sign } from "./hmac.ts";
import { namingHeaders } from "./naming.ts";
import type { OutgoingEvent, Preset } from "./types.ts";

/** What of a request changes from one attempt to the next. */
export type AttemptFacts = {
  /** Newest first; empty sends unsigned. */
  keys: readonly string[];
  /** 1, 2, … */
  attempt: number;
  sentAt: Date;
  sequence?: number | bigint | undefined;
};

export type BuiltRequest = { body: Buffer; headers: Record<string, string> };

/** The body of an event by a preset, the same for all of its webhooks and attempts. */
export function bodyOf(preset: Preset, event: OutgoingEvent): Buffer {
  return Buffer.from(preset.body(event));
}

/**
 * Builds what a receiver gets, but for the User-Agent and the webhook's own headers. The signature covers
 * exactly the bytes in `body`, which may be given where it was made before. Throws `UnusableKeyError` where a key is not one of this preset.
 *
 * @example
 * const { body, headers } = buildRequest(PRESETS.airy, event, { keys: ["secret"], attempt: 1, sentAt });
 */
export function buildRequest(
  preset: Preset,
  event: OutgoingEvent,
  { keys, attempt, sentAt, sequence }: AttemptFacts,
  body = bodyOf(preset, event),
): BuiltRequest {
  const timestamp = String(Math.floor(sentAt.getTime() / 1_000));
  const headers: Record<string, string> = Object.assign(
    { "Content-Type": "application/json" },
    namingHeaders(preset, { id: event.id, timestamp, attempt, sequence }),
  );
  if (keys.length > 0) {
    headers[preset.signatureHeader] = sign(preset, keys, { id: event.id, timestamp, body });
  }
  return { body, headers };
}
