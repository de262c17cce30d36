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
  return {
    "Webhook-Id": id,
    "Webhook-Timestamp": timestamp,
    "Webhook-Attempt": String(attempt.attempt),
    ...(sequence !== undefined && { "Webhook-Sequence": String(sequence) }),
    ...(idHeader && { [idHeader]: id }),
    ...(timestampHeader && { [timestampHeader]: timestamp }),
  };
}
