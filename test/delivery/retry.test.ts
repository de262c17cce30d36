import { expect, test } from "@jest/globals";
import fc from "fast-check";

import { nextAttempt } from "../../src/delivery/retry.ts";

const middle = () => 0.5;
const schedule = fc.array(fc.integer({ min: 1, max: 604_800 }), { maxLength: 20 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test("a failed delivery waits as its schedule says, step by step, and is dead after the last wait", () => {
  const after = (attempt: number) =>
    nextAttempt({ scheduleS: [5, 30, 120], attempt, random: middle });
  expect([1, 2, 3, 4].map(after)).toEqual([
    { kind: "retry", waitMs: 5_000 },
    { kind: "retry", waitMs: 30_000 },
    { kind: "retry", waitMs: 120_000 },
    { kind: "dead" },
  ]);
});

test("an empty schedule is dead after the first attempt", () => {
  const once = nextAttempt({ scheduleS: [], attempt: 1, random: middle });
  expect(once).toEqual({ kind: "dead" });
});

test("a wait of 10 s or shorter is kept exactly, a longer one within a tenth", () => {
  fc.assert(
    fc.property(schedule, fc.nat(25), random, (scheduleS, index, value) => {
      const attempt = index + 1;
      const next = nextAttempt({ scheduleS, attempt, random: () => value });
      const waitS = scheduleS[index];
      if (waitS === undefined) return next.kind === "dead";
      if (next.kind === "dead") return false;
      if (waitS <= 10) return next.waitMs === waitS * 1_000;
      return Number.isInteger(next.waitMs) && Math.abs(next.waitMs - waitS * 1_000) <= waitS * 100;
    }),
  );
});

test("jitter spreads over the whole tenth, both ways", () => {
  const wait = (value: number) =>
    nextAttempt({ scheduleS: [100], attempt: 1, random: () => value });
  expect(wait(0)).toEqual({ kind: "retry", waitMs: 90_000 });
  expect(wait(0.999_999)).toEqual({ kind: "retry", waitMs: 110_000 });
});
