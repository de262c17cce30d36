// How much a worker claims at once, by whether it could start what it had claimed.
import { expect, test } from "@jest/globals";

import { createClaimSize } from "../../src/delivery/claim-size.ts";

const times = (count: number, act: () => void) => {
  for (let n = 0; n < count; n++) act();
};

test("a claim takes half as much after each that came too late, and never less than sixteen", () => {
  const claimSize = createClaimSize(128);
  times(5, () => claimSize.started(true));
  expect(claimSize.now).toBe(16);
  claimSize.started(false);
  expect(claimSize.now).toBe(24);
});

test("with time again it takes as much as before, and no more", () => {
  const claimSize = createClaimSize(128);
  claimSize.started(true);
  expect(claimSize.now).toBe(64);
  times(8, () => claimSize.started(false));
  expect(claimSize.now).toBe(128);
  claimSize.started(false);
  expect(claimSize.now).toBe(128);
});

test("where there are fewer slots than sixteen, all of them may be claimed at once", () => {
  const claimSize = createClaimSize(4);
  claimSize.started(true);
  expect(claimSize.now).toBe(4);
});
