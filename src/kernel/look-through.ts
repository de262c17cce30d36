// Looking for what no index leads to: through slices of what there is, for a while, and then on by the next page's cursor.
import type { MonotonicClock } from "./clock.ts";
import type { Found } from "./lists.ts";

const LOOK_MS = 25; // and a slice more: an answer takes 50 ms, also where others work beside it
const SLICE_MS = 8; // about what a slice should take: sizes follow what they cost

/** What a slice holds of what is looked for, and where it ends; null: there is nothing behind it. */
export type Slice<Row> = { rows: Row[]; end: string | null };

/**
 * Looks behind `after` for up to `limit` rows, through slices of so many as can be looked at in some milliseconds, until there are
 * so many, nothing is left, or the time is over.
 */
export async function lookThrough<Row>(
  monotonic: MonotonicClock,
  { after, limit, sizes }: { after: string | null; limit: number; sizes: Sizes },
  look: (after: string | null, size: number, limit: number) => Promise<Slice<Row>>,
): Promise<Found<Row>> {
  const began = monotonic();
  const rows: Row[] = [];
  for (let size = sizes.first, from = after; ;) {
    const sliceBegan = monotonic();
    const slice = await look(from, size, limit - rows.length);
    rows.push(...slice.rows);
    if (slice.end === null || rows.length >= limit) return { rows, stoppedAt: null };
    const now = monotonic();
    if (now - began >= LOOK_MS) return { rows, stoppedAt: slice.end };
    from = slice.end;
    if (now - sliceBegan < SLICE_MS / 2) size = Math.min(2 * size, sizes.max);
    if (now - sliceBegan > SLICE_MS * 2) size = Math.max(sizes.min, Math.floor(size / 2));
  }
}

/** How large slices are: the first of a look, and the bounds of those that follow. */
export type Sizes = { min: number; first: number; max: number };
