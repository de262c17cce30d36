// Reads the members that all envelopes have, under whatever names.
import type { OpenedEvent } from "./types.ts";

/**
 * Reads the type, the time and the payload of a body that is an object; null where one of them is missing or of another kind:
 * then it is another preset's.
 */
export function enveloped(
  read: (
    members: Record<string, unknown>,
  ) => [type: unknown, timestamp: string | null | undefined, payload: unknown],
): (body: unknown) => OpenedEvent | null {
  return (body) => {
    if (typeof body !== "object" || body === null || Array.isArray(body)) return null;
    const [type, timestamp, payload] = read(body as Record<string, unknown>);
    if (typeof type !== "string" || timestamp === undefined || payload === undefined) return null;
    return { type, timestamp, payload };
  };
}

/** ISO 8601 with milliseconds from an epoch in milliseconds, or from an ISO 8601 text; undefined where it is none of that `kind`. */
export function iso(value: unknown, kind: "number" | "string"): string | undefined {
  const date = new Date(typeof value === kind ? (value as number | string) : Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}
