// How much a worker claims at once, by whether it could start what it had claimed.
import { expect, test } from "@jest/globals";

import { createHelping } from "../../src/delivery/helping.ts";

const times = (count: number, act: () => void) => {
  for (let n = 0; n < count; n++) act();
};

test("a claim takes half as much after each that came too late, and never less than sixteen", () => {
  const helping = createHelping(128);
  times(5, () => helping.started(true));
  expect(helping.size).toBe(16);
  helping.started(false);
  expect(helping.size).toBe(24);
});

test("with time again it takes as much as before, and no more", () => {
  const helping = createHelping(128);
  helping.started(true);
  expect(helping.size).toBe(64);
  times(8, () => helping.started(false));
  expect(helping.size).toBe(128);
  helping.started(false);
  expect(helping.size).toBe(128);
});

test("where there are fewer slots than sixteen, all of them may be claimed at once", () => {
  const helping = createHelping(4);
  helping.started(true);
  expect(helping.size).toBe(4);
});
