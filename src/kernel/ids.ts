// Public ids: a prefix and the 32 hex digits of a UUIDv7 that the database made.

export type IdPrefix = "evt" | "dlv" | "att" | "key" | "rpl";

/** `("evt", "0190…-…")` → `"evt_0190…"`. */
export function formatId(prefix: IdPrefix, uuid: string): string {
  return `${prefix}_${uuid.replaceAll("-", "")}`;
}

/** The UUID in a public id, or undefined where `id` is not one of this prefix. */
export function parseId(prefix: IdPrefix, id: string): string | undefined {
  const match =
    /^([a-z]{3})_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/.exec(id);
  if (match?.[1] !== prefix) return undefined;
  return match.slice(2).join("-");
}

/** The lowest UUID of the millisecond `at`, below every UUIDv7 made in it: the bound of a search by time. */
export function lowestUuidAt(at: Date): string {
  const hex = Math.max(0, at.getTime()).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
