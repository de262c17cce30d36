// The slots that the loops of several databases share.
import { expect, test } from "@jest/globals";

import { createSlots } from "../../src/delivery/slots.ts";

const SLOTS = 160;
const KEPT = 10; // for one that has shown no need

function twoOf(concurrency = SLOTS) {
  let now = 0;
  const slots = createSlots(concurrency, () => now);
  const freed: string[] = [];
  const one = slots.share(() => freed.push("one"));
  const other = slots.share(() => freed.push("other"));
  return { slots, one, other, freed, wait: (ms: number) => void (now += ms) };
}

test("a loop alone has all slots", () => {
  expect(
    createSlots(SLOTS, () => 0)
      .share(() => {})
      .most(),
  ).toBe(SLOTS);
});

test("a loop uses what one with nothing due leaves, but for a few that it finds work with", () => {
  const { one, slots } = twoOf();
  expect(one.most()).toBe(SLOTS - KEPT);
  one.uses(SLOTS - KEPT);
  expect(slots.size).toBe(SLOTS - KEPT);
});

test("a flooded loop leaves an equal share to one that has as much due, as soon as its requests have ended", () => {
  const { one, other, freed, wait } = twoOf();
  one.uses(SLOTS - KEPT);
  one.wants();
  expect(other.most()).toBe(KEPT);
  other.uses(KEPT);
  other.wants();
  expect(one.most()).toBe(SLOTS / 2);
  one.uses(SLOTS / 2);
  expect(freed).toEqual(["other"]);
  expect(other.most()).toBe(SLOTS / 2);
  wait(60_000);
  other.uses(0);
  expect(one.most()).toBe(SLOTS - KEPT);
});

test("there are never more requests than slots, and one slot is used by both in turn", () => {
  const { one, other } = twoOf(1);
  one.uses(one.most());
  expect(other.most()).toBe(0);
  one.uses(0);
  expect(other.most()).toBe(1);
});
