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

/** The latencies, in ms, that shares, rising, do not exceed, to within `LATENCY_ERROR`; null where there is none. */
export function percentiles(histogram: Histogram, shares: readonly number[]): number[] | null {
  let total = 0;
  for (const count of histogram) total += count;
  if (total === 0) return null;
  let slot = 0;
  let upTo = histogram[0] ?? 0;
  return shares.map((share) => {
    while (upTo < share * total) upTo += histogram[++slot] ?? total;
    return MIDDLES_MS[slot] ?? Number.NaN;
  });
}

// By ratio, to a tenth. What is measured are whole milliseconds, so the first slot's 0 and 1 are 1.
const MIDDLES_MS = [
  1,
  ...LATENCY_BOUNDS_MS.map((low) => Math.round(10 * low * Math.sqrt(Math.SQRT2)) / 10),
];
