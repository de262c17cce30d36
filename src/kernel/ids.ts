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

/**
 * The UUIDv7 of a lease's attempt, begun at `at`: the same whenever it is asked for, so that an attempt which is written
 * down twice is one. The fence's low 12 bits and the delivery's random ones stand where others have random bits.
 */
export function attemptUuid(at: Date, deliveryId: string, fence: number): string {
  const time = lowestUuidAt(at).slice(0, 13);
  const item = (fence % 0x1000).toString(16).padStart(3, "0");
  return `${time}-7000-8${item}-${deliveryId.slice(-12)}`;
}

/**
 * A UUIDv7 of an instant in microseconds, as the database makes them: the fraction of the millisecond in the 12 bits after the version,
 * then `item` (0 to 4095) and 12 hex digits of chance.
 */
export function uuidV7At(us: number, item: number, random: string): string {
  const ms = Math.floor(us / 1000)
    .toString(16)
    .padStart(12, "0");
  const fraction = Math.floor(((us % 1000) * 4096) / 1000)
    .toString(16)
    .padStart(3, "0");
  const place = item.toString(16).padStart(3, "0");
  return `${ms.slice(0, 8)}-${ms.slice(8)}-7${fraction}-8${place}-${random}`;
}

const LAST_MS = 2 ** 48 - 1; // of a UUIDv7: a stranger's may say it, and what comes a millisecond later has no UUID

/**
 * The lowest UUID of the millisecond `at`, below every UUIDv7 made in it: the bound of a search by time. What is before
 * or after every UUIDv7 there can be is taken for the first or the last of their times.
 */
export function lowestUuidAt(at: Date): string {
  const ms = Math.min(Math.max(0, at.getTime()), LAST_MS);
  const hex = ms.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** When a UUIDv7 was made, to the millisecond. */
export function timeOfUuid(uuid: string): Date {
  return new Date(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16));
}
