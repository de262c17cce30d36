// Reads the members that all envelopes have, under whatever names.
import type { OpenedEvent } from "./types.ts";

/** The event of an envelope, or null where a member is missing or of another kind: then it is another preset's. */
export function opened(
  type: unknown,
  timestamp: string | null | undefined,
  payload: unknown,
): OpenedEvent | null {
  if (typeof type !== "string" || timestamp === undefined || payload === undefined) return null;
  return { type, timestamp, payload };
}

/** Reads the members of a body that is an object; what is none has no envelope. */
export function enveloped(
  read: (members: Record<string, unknown>) => OpenedEvent | null,
): (body: unknown) => OpenedEvent | null {
  return (body) =>
    typeof body === "object" && body !== null && !Array.isArray(body)
      ? read(body as Record<string, unknown>)
      : null;
}

/** ISO 8601 with milliseconds from an epoch in milliseconds; undefined where it is none. */
export function isoFromEpochMs(value: unknown): string | undefined {
  return typeof value === "number" ? iso(value) : undefined;
}

/** ISO 8601 with milliseconds from an ISO 8601 text; undefined where it is none. */
export function isoFromText(value: unknown): string | undefined {
  return typeof value === "string" ? iso(value) : undefined;
}

function iso(value: number | string): string | undefined {
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
