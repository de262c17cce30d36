// Days of the append-only tables. A statement that bounds its ids by none locks every partition there is, each with its
// indexes, and the table of locks is one for all databases of a server: one page of deliveries took 572 locks at 30 days
// of retention, 2,582 at 365.
import { DAY } from "../kernel/duration.ts";
import { lowestUuidAt, timeOfUuid } from "../kernel/ids.ts";
import { bytesIn, endsEarly } from "../kernel/lists.ts";
import type { Read } from "./read.ts";

/** What one statement may look at: of finished deliveries, with eight indexes and a key, it locks 60 things. */
const DAYS_MAX = 6;

/** A span of ids, `until` not included. */
export type Span = { from: string; until: string };

/** The span that holds an id and whatever was made in the same millisecond. */
export function spanOf(id: string): Span {
  const at = timeOfUuid(id);
  return { from: lowestUuidAt(at), until: lowestUuidAt(new Date(at.getTime() + 1)) };
}

/** The span that holds these ids, which are in order. */
export function spanOfAll(ids: readonly string[]): Span {
  const [first = "", last = first] = [ids[0], ids.at(-1)];
  return { from: spanOf(first).from, until: spanOf(last).until };
}

/** All the days there are, until tomorrow's same hour: the database's clock may have stepped back since. */
export async function readSpan(
  read: Read,
  table: "events" | "finished_deliveries" | "attempts",
): Promise<Span> {
  const [row] = await read<{ now: Date; oldest: string | null }>(
    `select now() as now, min(right(c.relname, 8)) as oldest
     from pg_catalog.pg_inherits as i join pg_catalog.pg_class as c on c.oid = i.inhrelid
     where i.inhparent = to_regclass($1)`,
    [`posthorn.${table}`],
  );
  const { now = new Date(0), oldest = null } = row ?? {};
  const from = new Date((oldest ?? "").replace(/(....)(..)(..)/, "$1-$2-$3"));
  return {
    from: lowestUuidAt(Number.isNaN(from.getTime()) ? now : from),
    until: lowestUuidAt(new Date(now.getTime() + DAY)),
  };
}

/** The span in parts that one statement each may look at, the newest first; what is asked for is mostly in the first. */
export function partsBack({ from, until }: Span): Span[] {
  const parts: Span[] = [];
  let end = until;
  for (let days = 2; end > from; days = Math.min(2 * days, DAYS_MAX)) {
    const lastDay = startOfDay(timeOfUuid(end).getTime() - 1); // an end at midnight belongs to the day that it ends
    const start = max(from, lowestUuidAt(new Date(lastDay - (days - 1) * DAY)));
    parts.push({ from: start, until: end });
    end = start;
  }
  return parts;
}

/** The same, the oldest first. */
export function partsForth({ from, until }: Span): Span[] {
  const parts: Span[] = [];
  for (let start = from; start < until;) {
    const next = startOfDay(timeOfUuid(start).getTime()) + DAYS_MAX * DAY;
    const end = min(until, lowestUuidAt(new Date(next)));
    parts.push({ from: start, until: end });
    start = end;
  }
  return parts;
}

/** Ids in groups of so many days as one statement may look at. */
export function groupsOfDays(ids: readonly string[]): string[][] {
  const groups: { days: Set<number>; ids: string[] }[] = [];
  for (const id of [...new Set(ids)].sort()) {
    const day = startOfDay(timeOfUuid(id).getTime());
    let group = groups.at(-1);
    if (!group || (group.days.size === DAYS_MAX && !group.days.has(day)))
      groups.push((group = { days: new Set(), ids: [] }));
    group.days.add(day);
    group.ids.push(id);
  }
  return groups.map((group) => group.ids);
}

/** Narrows a span; what is undefined leaves it as it is. */
export function within(
  { from, until }: Span,
  bounds: { since?: Date | undefined; until?: Date | undefined; before?: string | undefined },
): Span {
  if (bounds.since) from = max(from, lowestUuidAt(bounds.since));
  if (bounds.until) until = min(until, lowestUuidAt(bounds.until));
  if (bounds.before !== undefined) until = min(until, bounds.before);
  return { from, until };
}

/** Reads up to `limit` rows, part by part, until there are so many, or, where they are `Sized`, so many bytes. */
export async function readParts<Row>(
  parts: readonly Span[],
  { limit, bytesMax = 0 }: { limit: number; bytesMax?: number | undefined },
  read: (part: Span, limit: number, bytesMax: number) => Promise<Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  let bytesLeft = bytesMax;
  for (const part of parts) {
    const ofPart = await read(part, limit - rows.length, bytesLeft);
    rows.push(...ofPart);
    if (rows.length >= limit || endsEarly(ofPart)) break;
    bytesLeft = Math.max(0, bytesLeft - bytesIn(ofPart));
  }
  return rows;
}

const startOfDay = (ms: number) => Math.floor(ms / DAY) * DAY;
const min = (a: string, b: string) => (a < b ? a : b);
const max = (a: string, b: string) => (a > b ? a : b);
