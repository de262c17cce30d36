// How long a process that has ended waits before it is started again.
import { MINUTE, SECOND } from "../../kernel/duration.ts";

const FIRST_MS = 250;
const MOST_MS = 30 * SECOND; // a fault that passes is found out within it, and one that stays costs a start in it
const SETTLED_MS = 1 * MINUTE; // who has lived so long is not one that dies at its start

/** Counts the ends of one place: what lived long begins anew. */
export function countEnds(ends: number, livedMs: number): number {
  return livedMs >= SETTLED_MS ? 1 : ends + 1;
}

/** Twice as long each time, within a bound. */
export function restartWaitMs(ends: number): number {
  return Math.min(MOST_MS, FIRST_MS * 2 ** (ends - 1));
}
