// Looking through days for what few rows are: by rows at first, and once these tell how dense rows are, by spans of time. Of a span
// the database may take the way by an index that tells of each block what is not in it.
import type { Span } from "../database/days.ts";
import { timeOfUuid, lowestUuidAt } from "../kernel/ids.ts";
import type { Found } from "../kernel/lists.ts";
import { lookThrough, type Sizes } from "../kernel/look-through.ts";
import type { MonotonicClock } from "../kernel/clock.ts";

/** What a slice holds of what is looked for; where it was one of so many rows also how many there were, and the first and last. */
export type Scan<Row> = { rows: Row[]; scanned?: Scanned };
export type Scanned = { count: number; from: string | null; to: string | null };

export type Look<Row> = {
  monotonic: MonotonicClock;
  /** Of days, in the order in which they are looked through; what begins at an edge is in none. */
  parts: Span[];
  after: string | null;
  limit: number;
  sizes: Sizes;
  isForth?: boolean | undefined;
  /** Whether a slice may be a span, however many rows it has: not where each costs much. */
  bySpans: boolean;
  /** Looks for up to `limit` rows in a span: in its first `size` rows, or in all of it. */
  look(span: Span, size: number | undefined, limit: number): Promise<Scan<Row>>;
};

/** Looks behind `after` for up to `limit` rows, for a while; see `lookThrough`. */
export async function lookThroughDays<Row>(wanted: Look<Row>): Promise<Found<Row>> {
  const { monotonic, after, limit, sizes, isForth = false, bySpans, look } = wanted;
  const parts = [...wanted.parts];
  let msOfRow: number | undefined; // until so many rows were there
  return lookThrough(
    monotonic,
    { after, limit, sizes: bySpans ? { ...sizes, max: Infinity } : sizes },
    async (from, size, limit) => {
      const [part] = parts;
      if (!part) return { rows: [], end: null };
      const left = behind(part, from, isForth);
      const span = msOfRow === undefined ? left : cut(left, size * msOfRow, isForth);
      const ofRows = msOfRow === undefined ? Math.min(size, sizes.max) : undefined;
      const { rows, scanned } = await look(span, ofRows, limit);
      if (scanned?.count === ofRows && scanned?.from && scanned.to) {
        if (bySpans) msOfRow = distanceMs(scanned.from, scanned.to) / scanned.count;
        return { rows, end: scanned.to };
      }
      const end = isForth ? span.until : span.from;
      if (end !== (isForth ? part.until : part.from)) return { rows, end };
      parts.shift();
      return { rows, end: parts.length === 0 ? null : end };
    },
  );
}

function behind(part: Span, after: string | null, isForth: boolean): Span {
  if (after === null) return part;
  return isForth
    ? { ...part, from: after > part.from ? after : part.from }
    : { ...part, until: after < part.until ? after : part.until };
}

// The first milliseconds of a span, one at least.
function cut({ from, until }: Span, ms: number, isForth: boolean): Span {
  const [first, last] = [from, until].map((id) => timeOfUuid(id).getTime()) as [number, number];
  if (ms >= last - first) return { from, until };
  const length = Math.max(1, Math.ceil(ms));
  return isForth
    ? { from, until: lowestUuidAt(new Date(first + length)) }
    : { from: lowestUuidAt(new Date(last - length)), until };
}

const distanceMs = (a: string, b: string) =>
  Math.abs(timeOfUuid(a).getTime() - timeOfUuid(b).getTime());
