// The limit on time for what strangers wrote.
import { expect, test } from "@jest/globals";

import { withinMs } from "../../src/event-types/time-limit.ts";
import { threadMs } from "../../src/kernel/thread-time.ts";

const forEver = () => /^(a+)+$/.test(`${"a".repeat(40)}!`);

/** Works for so long by a clock on which each beginning takes what it is given, and answers how often that was begun. */
function beginnings(usedMs: () => number | undefined): number {
  let begun = 0;
  const clock = () => 20 * (2 ** begun - 1);
  const done = withinMs(20, () => (begun++, forEver()), { usedMs, clock });
  expect(done).toBeUndefined();
  return begun;
}

test("what had its share of the processor is stopped at its limit", () => {
  let usedMs = 0;
  expect(beginnings(() => (usedMs += 20))).toBe(1);
});

test("what a busy machine gave no time to begins anew, with twice as much each time, and not for ever", () => {
  expect(beginnings(() => 0)).toBe(5); // after 20, 60, 140 and 300 ms, and at last for what is left of 400
});

test("where nobody tells what a thread has had, the clock alone is asked", () => {
  expect(beginnings(() => undefined)).toBe(1);
});

test("what a thread has had is told on Linux, and grows as it works", () => {
  if (process.platform !== "linux") return;
  const before = threadMs() ?? Number.NaN;
  withinMs(20, forEver);
  expect(threadMs()).toBeGreaterThan(before);
});
