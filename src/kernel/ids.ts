// Public ids: a prefix and the 32 hex digits of a UUIDv7 that the database made.

export type IdPrefix = "evt" | "dlv" | "att" | "key" | "rpl";

/** `("evt", "0190…-…")` → `"evt_0190…"`. */
export function formatId(prefix: IdPrefix, uuid: string): string {
  return `${prefix}_${uuid.replaceAll("-", "")}`;
}

/** The UUID in a public id, or undefined where `id` is not one of this prefix. */
export function parseId(prefix: IdPrefix, id: string): string | undefined {
  const match = /^([a-z]{3})_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(id);
  if (match?.[1] !== prefix) return undefined;
  return match.slice(2).join("-");
}

/** The first UUID that a UUIDv7 made at `at` can be: the lower bound of a search by time (RFC 9562, 5.7). */
export function firstUuidAt(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
