// Latencies as they are counted: in 32 slots, each √2 times as wide as the one before. Pure.

/** In all but the last slot a latency is between two of these, in ms: below the first, …, from the last on. */
export const LATENCY_BOUNDS_MS: readonly number[] = Array.from(
  { length: 31 }, // from 1.4 ms to 46 s: an attempt ends within 30
  (_, n) => Math.SQRT2 ** (n + 1),
);

export const LATENCY_SLOTS = LATENCY_BOUNDS_MS.length + 1;

/** By how much a percentile can be off: it is the middle of its slot, by ratio, and the slot's ends are √√2 from there. */
export const LATENCY_ERROR = 2 ** (1 / 4) - 1;

/** How many latencies there were in each slot. */
export type Histogram = number[];

/** The latency, in ms, that so great a share does not exceed, to within `LATENCY_ERROR`. There has to be one. */
export function percentile(histogram: Histogram, share: number): number {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  let below = 0;
  return middleOf(histogram.findIndex((count) => (below += count) >= share * total));
}

// By ratio, to a tenth. What is measured are whole milliseconds, so the first slot's 0 and 1 are 1.
function middleOf(slot: number): number {
  const low = LATENCY_BOUNDS_MS[slot - 1];
  return low === undefined ? 1 : Math.round(10 * low * Math.sqrt(Math.SQRT2)) / 10;
}
