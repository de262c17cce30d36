// Whether somebody publishes event by event, and waits for the answer to each: what is long then leaves more of the process to
// others. Of the process, as the slices are. Not for lists: whoever sends many would be the slower for what he sends himself.
import { monotonic } from "./clock.ts";
import { SECOND } from "./duration.ts";

const EXPECTED_MS = 1 * SECOND; // after one the next is expected

let untilMs = -Infinity;

/** Notes that an event is being published by itself. */
export function hurry(): void {
  untilMs = monotonic() + EXPECTED_MS;
}

/** Whether one was, just now. */
export function isHurried(): boolean {
  return monotonic() < untilMs;
}
