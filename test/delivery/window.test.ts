// How much of a worker each webhook may have: a table of what its receiver has shown.
import { beforeEach, describe, expect, test } from "@jest/globals";

import {
  createWindow,
  shownBy,
  type Slot,
  type Shown,
  type Window,
} from "../../src/delivery/window.ts";

let now: number;
let window: Window;
const create = (options: { concurrency?: number; perWebhook?: number; perHost?: number } = {}) =>
  createWindow({ concurrency: 16, perWebhook: 8, perHost: 0, monotonic: () => now, ...options });
const fill = (id: number, count: number, isProven = true): Slot[] =>
  Array.from({ length: count }, () => window.enter(id, isProven));
const slotsOf = (id: number) => {
  const { slots, otherSlots } = window.limits();
  return slots[id] ?? [otherSlots.proven, otherSlots.unproven];
};
const free = (id: number) => slotsOf(id)[0];
const freeOf = (...ids: number[]) => ids.map(free);

/** Fills a webhook's slots, all of them; the first request shows something of the receiver, the others nothing. */
function leaveFull(allowed: number, shown: Shown): void {
  const [first, ...others] = fill(1, allowed);
  expect(free(1)).toBe(0);
  window.leave(first as Slot, shown);
  for (const slot of others) window.leave(slot, "nothing");
}

beforeEach(() => {
  now = 0;
  window = create();
});

describe("a proven webhook", () => {
  test("begins with two slots, and each success that was waited for adds one, up to the most", () => {
    expect(window.limits().otherSlots.proven).toBe(2);
    for (let allowed = 2; allowed <= 8; allowed++) {
      leaveFull(allowed, "success");
      expect(free(1)).toBe(Math.min(8, allowed + 1));
    }
  });

  test("does not gain by successes that nobody waited for", () => {
    for (let n = 0; n < 10; n++) window.leave(fill(1, 1)[0] as Slot, "success");
    expect(free(1)).toBe(2);
  });

  test("is worth another claim once it has none in flight, where it had used all its slots", () => {
    window.leave(fill(1, 1)[0] as Slot, "success");
    expect(window.isContended).toBe(false);
    const [first, second] = fill(1, 2);
    window.leave(first as Slot, "success");
    expect(window.isContended).toBe(false); // a claim of one costs as much as one of all
    window.leave(second as Slot, "success");
    expect(window.isContended).toBe(true);
  });

  test("that may have one in flight is worth another claim each time", () => {
    window = create({ perWebhook: 1 });
    window.leave(fill(1, 1)[0] as Slot, "success");
    expect(window.isContended).toBe(true);
  });

  test("keeps only the slots that it uses: fifty successes, one at a time, leave two of eight", () => {
    for (let allowed = 2; allowed < 8; allowed++) leaveFull(allowed, "success");
    for (let n = 0; n < 50; n++) window.leave(fill(1, 1)[0] as Slot, "success");
    expect(free(1)).toBe(2);
  });

  test("has two slots and no more where less than an eighth is left to those with many, and others find an eighth", () => {
    for (let allowed = 2; allowed < 8; allowed++) leaveFull(allowed, "success");
    const others = fill(2, 12);
    expect(free(1)).toBe(8);
    expect(window.limits().limit).toBe(2); // to seven eighths
    fill(3, 1);
    expect(free(1)).toBe(2);
    expect(window.limits().limit).toBe(3); // to the last
    for (const slot of others.slice(0, 2)) window.leave(slot, "success");
    expect(free(1)).toBe(8);
  });

  test.each([
    ["success", 5],
    ["nothing", 4],
    ["failure", 2],
    ["unreachable", 1],
    ["silence", 1],
  ] as const)("with four slots has after %s: %i", (shown, slots) => {
    for (const allowed of [2, 3]) leaveFull(allowed, "success");
    leaveFull(4, shown);
    expect(free(1)).toBe(slots);
  });

  test("gets nothing more while one of its requests has had no answer for a second", () => {
    const [oldest] = fill(1, 1);
    now = 1_000;
    expect(free(1)).toBe(1);
    now = 1_001;
    expect(free(1)).toBe(0);
    window.leave(oldest as Slot, "success");
    expect(free(1)).toBeGreaterThan(0);
  });

  test("is forgotten after half a minute without a request, and begins again", () => {
    fill(1, 1);
    window.leave(window.enter(2, true), "failure");
    now = 29_999;
    expect(free(2)).toBe(1);
    now = 30_000;
    expect(free(2)).toBe(2);
    expect(Object.keys(window.limits().slots)).toEqual(["1"]); // it has a request under way
  });
});

test("a claim is told of the webhooks behind the one that it begins behind, and of no others", () => {
  for (const id of [1, 2, 3]) fill(id, 1);
  expect(Object.keys(window.limits(0).slots)).toEqual(["1", "2", "3"]);
  expect(Object.keys(window.limits(2).slots)).toEqual(["3"]);
});

test("a webhook that is not known begins with one slot where a thousand others have had theirs of late", () => {
  for (let id = 1; id < 1_000; id++) window.leave(window.enter(id, true), "success");
  expect(window.limits()).toMatchObject({ otherSlots: { proven: 2 }, slots: {} });
  window.leave(window.enter(1_000, true), "success");
  expect(window.limits().otherSlots.proven).toBe(1);
  expect(free(1)).toBe(2);
});

describe("webhooks that have yet to show a success", () => {
  test("have one slot each, and together a quarter of all", () => {
    expect(window.limits()).toMatchObject({ otherSlots: { unproven: 1 }, unprovenMax: 4 });
    const slots = [1, 2, 3, 4].flatMap((id) => fill(id, 1, false));
    expect(window.limits()).toMatchObject({ limit: 10, unprovenMax: 0 });
    expect(freeOf(1, 2, 3, 4)).toEqual([0, 0, 0, 0]);
    window.leave(slots[0] as Slot, "failure");
    expect(window.limits().unprovenMax).toBe(1);
    expect(freeOf(1, 2, 3, 4)).toEqual([1, 0, 0, 0]);
  });

  test("that wait together for the last slot are given it once", () => {
    for (const id of [1, 2, 3, 4, 5]) window.leave(window.enter(id, false), "failure");
    fill(6, 3, false);
    expect(freeOf(1, 2, 3, 4, 5, 6).sort()).toEqual([0, 0, 0, 0, 0, 1]);
  });

  test("whose proof the database has taken away meanwhile have one slot while none is in use", () => {
    window.leave(window.enter(1, true), "success");
    expect(slotsOf(1)).toEqual([2, 1]);
    window.enter(1, true);
    expect(slotsOf(1)).toEqual([1, 0]);
  });

  test("have two slots after the first success", () => {
    window.leave(window.enter(1, false), "success");
    expect(free(1)).toBe(2);
    expect(window.limits().unprovenMax).toBe(4);
  });

  test("are what one becomes that gives no answer in time", () => {
    const slots = fill(1, 2);
    window.leave(slots[0] as Slot, "silence");
    expect(window.limits().unprovenMax).toBe(3); // its other request counts among theirs now
    window.leave(slots[1] as Slot, "silence");
    expect(window.limits()).toMatchObject({ unprovenMax: 4, slots: { 1: [1, 1] } });
  });

  test("are what the database says they are: another worker has seen what this one has not", () => {
    window.leave(window.enter(1, true), "success");
    window.enter(1, false);
    expect(window.limits()).toMatchObject({ unprovenMax: 3, slots: { 1: [0, 0] } });
  });
});

test("a host has no more requests than it may have in all, whichever webhooks lead there", () => {
  window = create({ perHost: 2 });
  const [a, b, c] = [1, 2, 3].map((id) => window.enter(id, true)) as [Slot, Slot, Slot];
  expect([a, b, c].map((slot) => window.reach(slot, "one.example:443"))).toEqual([
    true,
    true,
    false,
  ]);
  window.leave(c, "nothing");
  expect(freeOf(1, 2, 3)).toEqual([0, 0, 0]);
  window.leave(a, "success");
  expect(freeOf(1, 2, 3)).toEqual([2, 1, 2]);
});

test("a slot is left once, however often that is said", () => {
  const slot = window.enter(1, true);
  window.leave(slot, "success");
  window.leave(slot, "success");
  expect(window.size).toBe(0);
  expect(window.limits().limit).toBe(14); // an eighth is for those with few
});

test.each([
  [null, "success"],
  ["timeout", "silence"],
  ["dns", "silence"],
  ["connect", "unreachable"],
  ["tls", "unreachable"],
  ["status", "failure"],
  ["redirect", "failure"],
  ["key", "nothing"],
  ["schema", "nothing"],
  ["policy", "nothing"],
  ["worker_crashed", "nothing"],
])("an attempt that ended with %s shows %s", (reason, shown) => {
  expect(shownBy(reason)).toBe(shown);
});

test("a webhook at rest gets no slot until its rest is over, and is waited for by nobody", () => {
  const window = create();
  window.leave(window.enter(1, true), "nothing");
  window.backOff(1, 60_000);
  now += 59_999; // longer than a webhook is remembered otherwise
  expect(window.limits().slots).toEqual({ 1: [0, 0] });
  expect(window.isContended).toBe(false);
  now += 1;
  expect(window.limits().slots[1]).not.toEqual([0, 0]);
});
