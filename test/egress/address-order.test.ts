import { expect, test } from "@jest/globals";

import { createAddressOrder } from "../../src/egress/address-order.ts";
import { MINUTE } from "../../src/kernel/duration.ts";

function start() {
  const clock = { now: 0 };
  return { clock, order: createAddressOrder(() => clock.now) };
}
const ALL = ["a", "b", "c"];

test("an address that failed is tried last, and where all fail the one that did so longest ago is first", () => {
  const { clock, order } = start();
  const firsts = ALL.concat(ALL).map(() => {
    const [first = ""] = order.sort("host", ALL);
    clock.now += 24 * 60 * MINUTE; // however long the wait between two attempts is
    order.failed("host", first);
    return first;
  });
  expect(firsts).toEqual(["a", "b", "c", "a", "b", "c"]);
  expect(order.sort("another host", ALL)).toEqual(ALL);
});

test("it is as good as the others once it answers, or these have for ten minutes more", () => {
  const { clock, order } = start();
  order.failed("host", "a");
  order.answered("host", "a");
  expect(order.sort("host", ALL)).toEqual(ALL);
  order.failed("host", "a");
  clock.now += 10 * MINUTE;
  order.answered("host", "b");
  expect(order.sort("host", ALL)).toEqual(["b", "c", "a"]);
  clock.now += 1;
  order.answered("host", "b");
  expect(order.sort("host", ALL)).toEqual(ALL);
});

test("a thousand hosts that fail are remembered, not more", () => {
  const { order } = start();
  for (let i = 0; i <= 1_000; i++) order.failed(`host ${i}`, "a");
  expect(order.sort("host 0", ALL)).toEqual(ALL);
  expect(order.sort("host 1", ALL)).toEqual(["b", "c", "a"]);
});
