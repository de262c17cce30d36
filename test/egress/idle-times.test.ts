import { expect, test } from "@jest/globals";

import { announcedMs, createIdleTimes } from "../../src/egress/idle-times.ts";
import { HOUR, MINUTE } from "../../src/kernel/duration.ts";

const ORIGIN = "https://receiver.example";

function start() {
  const clock = { now: 0 };
  const times = createIdleTimes(() => clock.now);
  return {
    clock,
    times,
    limit: (announced: number | null = null) => times.limitMs(ORIGIN, announced),
  };
}

test("where nothing is known an idle socket goes after 4 s, and later each time that it was kept open, up to a minute", () => {
  const { times, limit } = start();
  const limits = Array.from({ length: 6 }, () => {
    const now = limit();
    times.keptOpen(ORIGIN, now);
    return now;
  });
  expect(limits).toEqual([4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(times.limitMs("https://another.example", null)).toBe(4_000);
});

test("it goes a second before what is announced, at once where that is no time, and after a minute at most", () => {
  const { limit } = start();
  expect([5_000, 1_000, 0, 600_000].map(limit)).toEqual([4_000, 0, 0, 60_000]);
});

test("it goes a second before the receiver was seen to close, whatever is announced and however long others were kept", () => {
  const { times, limit } = start();
  for (const ms of [4_000, 8_000, 16_000]) times.keptOpen(ORIGIN, ms);
  times.closed(ORIGIN, 10_000);
  expect([limit(), limit(60_000), limit(5_000)]).toEqual([9_000, 9_000, 4_000]);
  times.keptOpen(ORIGIN, 9_000);
  expect(limit()).toBe(9_000);
  times.closed(ORIGIN, 12_000); // a later one takes nothing back
  expect(limit()).toBe(9_000);
});

test("a close is remembered for an hour, one before any idle time, as of a receiver that starts anew, for a minute", () => {
  const { clock, times, limit } = start();
  times.closed(ORIGIN, 10_000);
  clock.now += HOUR - 1;
  expect(limit()).toBe(9_000);
  clock.now += 1;
  expect(limit()).toBe(4_000);
  times.closed(ORIGIN, 300);
  expect(limit()).toBe(0);
  clock.now += MINUTE;
  expect(limit()).toBe(4_000);
});

test("what is remembered is bounded: of fifty thousand receivers the one learned of longest ago is forgotten", () => {
  const { times, limit } = start();
  times.closed(ORIGIN, 10_000);
  for (let i = 0; i < 50_000; i++) times.closed(`https://r${i}.example`, 10_000);
  expect(limit()).toBe(4_000);
});

test("an announcement is read in the forms that receivers write it", () => {
  expect(announcedMs("timeout=5, max=100")).toBe(5_000);
  expect(announcedMs("max=100, Timeout = 15")).toBe(15_000);
  expect([undefined, "max=100", "timeout=soon"].map(announcedMs)).toEqual([null, null, null]);
});
