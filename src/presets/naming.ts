// The headers that every delivery has, and under whose names else a preset sends them.
import type { Preset } from "./types.ts";

/** The headers that say which event this is, which attempt, and when. */
export function namingHeaders(
  { idHeader, timestampHeader }: Preset,
  attempt: {
    id: string;
    timestamp: string;
    attempt: number;
    sequence: number | bigint | undefined;
  },
): Record<string, string> {
  const { id, timestamp, sequence } = attempt;
  const headers: Record<string, string> = {
    "Webhook-Id": id,
    "Webhook-Timestamp": timestamp,
    "Webhook-Attempt": String(attempt.attempt),
  };
  if (sequence !== undefined) headers["Webhook-Sequence"] = String(sequence);
  if (idHeader) headers[idHeader] = id;
  if (timestampHeader) headers[timestampHeader] = timestamp;
  return headers;
}
