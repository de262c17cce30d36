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

const COMMA = ",".charCodeAt(0);
const ZERO = "0".charCodeAt(0);

/**
 * Counts the numbers of a row of statistics, or of many, written one behind the other with commas between. Character by
 * character: split, those of a page of rows were tens of thousands of texts, and most of the time went to forgetting them. Counts
 * anew in `into` where that is given.
 */
export function countLatencies(numbers: string, into: Latencies = noLatencies()): Latencies {
  const { attempt, start } = into;
  attempt.fill(0);
  start.fill(0);
  let number = 0;
  for (let n = 0; n <= numbers.length; n++) {
    const character = n < numbers.length ? numbers.charCodeAt(n) : COMMA;
    if (character !== COMMA) {
      number = 10 * number + character - ZERO;
      continue;
    }
    const slot = number % SLOTS;
    const of = slot < LATENCY_SLOTS ? attempt : start;
    const at = slot % LATENCY_SLOTS;
    of[at] = (of[at] ?? 0) + (number - slot) / SLOTS;
    number = 0;
  }
  return into;
}

/** None at all. */
export function noLatencies(): Latencies {
  return {
    attempt: new Array<number>(LATENCY_SLOTS).fill(0),
    start: new Array<number>(LATENCY_SLOTS).fill(0),
  };
}
