// Latencies as they are stored: the slots of both kinds behind each other, and a number for each slot that is not empty.
import { LATENCY_BOUNDS_MS, LATENCY_SLOTS, type Histogram } from "../kernel/latency.ts";

/** Of an attempt; and from when a delivery could start until its first attempt did. */
export type Latencies = { attempt: Histogram; start: Histogram };

const FIRST_SLOT: Record<keyof Latencies, number> = { attempt: 0, start: LATENCY_SLOTS };

/** A number is how many times this, and which slot; those of one slot add up. */
export const SLOTS = 2 * LATENCY_SLOTS;

/** In SQL: a latency of so many milliseconds, once. */
export function latencySql(kind: keyof Latencies, ms: string): string {
  const bounds = `'{${LATENCY_BOUNDS_MS.join()}}'::float8[]`;
  return `(${SLOTS + FIRST_SLOT[kind]} + width_bucket((${ms})::float8, ${bounds}))`;
}

/** Reads the numbers of rows of statistics. */
export function readLatencies(numbers: readonly number[]): Latencies {
  const counts = new Array<number>(SLOTS).fill(0);
  for (const number of numbers) {
    const slot = number % SLOTS;
    counts[slot] = (counts[slot] ?? 0) + (number - slot) / SLOTS;
  }
  return { attempt: counts.slice(0, LATENCY_SLOTS), start: counts.slice(LATENCY_SLOTS) };
}
