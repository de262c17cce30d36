import { expect, test } from "@jest/globals";

import { createRemoteClock } from "../../src/kernel/remote-clock.ts";

const HOUR_MS = 3_600_000;

test("an estimate of another clock lies within what its answers allow, and follows it when it is set", () => {
  let here = 1_000;
  const clock = createRemoteClock(() => here);
  expect(clock.nowUs()).toBeUndefined();
  let there = HOUR_MS;
  const ask = (toMs: number, backMs: number) => {
    const askedAt = here;
    const time = there + toMs;
    here += toMs + backMs;
    there += toMs + backMs;
    clock.heard(time, askedAt, here);
  };
  const aheadMs = () => (clock.nowUs() ?? Number.NaN) / 1000 - there;
  ask(30, 1);
  expect(aheadMs()).toBeCloseTo(30, 1); // never behind: what came before it was told comes before it
  ask(2, 50);
  expect(aheadMs()).toBeCloseTo(2, 1);
  ask(40, 40);
  expect(aheadMs()).toBeCloseTo(2, 1);
  there += HOUR_MS;
  ask(3, 3);
  expect(aheadMs()).toBeCloseTo(3, 1);
  there -= HOUR_MS;
  const before = clock.nowUs() ?? 0;
  ask(3, 3);
  expect(clock.nowUs()).toBeGreaterThan(before); // no id comes before an earlier one
  clock.forget();
  ask(1, 1);
  expect(aheadMs()).toBeCloseTo(1, 1);
});

test("no two readings are one, so that ids rise", () => {
  const clock = createRemoteClock(() => 5);
  clock.heard(5, 5, 5);
  const readings = Array.from({ length: 1_000 }, () => clock.nowUs() ?? 0);
  expect(readings.every((us, i) => i === 0 || us > (readings[i - 1] ?? 0))).toBe(true);
});
