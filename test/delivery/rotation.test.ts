// Every webhook has its turn, whatever cuts claims short.
import { expect, test } from "@jest/globals";

import { createRotation } from "../../src/delivery/rotation.ts";

test("a claim that came to the last webhook ends the round, and the next begins at the first", () => {
  const rotation = createRotation();
  expect(rotation.claimed(null, null)).toBe(false);
  expect(rotation.after).toBe(0);
});

test("a claim that was cut short goes on where it was cut, to the last webhook", () => {
  const rotation = createRotation();
  expect([rotation.claimed(10, null), rotation.after]).toEqual([true, 10]);
  expect([rotation.claimed(20, null), rotation.after]).toEqual([true, 20]);
  expect([rotation.claimed(null, null), rotation.after]).toEqual([false, 0]);
});

test("the next round begins behind the last unproven webhook that got some, and comes round to it", () => {
  const rotation = createRotation();
  expect([rotation.claimed(null, 4), rotation.after]).toEqual([false, 4]);
  expect([rotation.claimed(null, 8), rotation.after]).toEqual([true, 0]);
  expect([rotation.claimed(null, null), rotation.after]).toEqual([false, 8]);
});

test("a round that began in the middle ends where it began, however it was cut", () => {
  const rotation = createRotation();
  rotation.claimed(null, 50);
  expect([rotation.claimed(70, null), rotation.after]).toEqual([true, 70]);
  expect([rotation.claimed(null, null), rotation.after]).toEqual([true, 0]);
  expect([rotation.claimed(30, null), rotation.after]).toEqual([true, 30]);
  expect([rotation.claimed(60, null), rotation.after]).toEqual([false, 0]);
});

test("five unproven webhooks that share two places all have their turn", () => {
  const rotation = createRotation();
  const got: number[] = [];
  for (let rounds = 0; rounds < 5; rounds++) {
    let places = 2;
    for (let goesOn = true; goesOn;) {
      const taken = [1, 2, 3, 4, 5].filter((id) => id > rotation.after).slice(0, places);
      places -= taken.length;
      got.push(...taken);
      goesOn = rotation.claimed(null, places === 0 ? (taken.at(-1) ?? null) : null);
    }
  }
  for (const id of [1, 2, 3, 4, 5]) expect(got.filter((each) => each === id).length).toBe(2);
});

test("the turn of those on probation stays where it is while nothing is left for them", () => {
  const rotation = createRotation();
  expect([rotation.claimed(null, 4), rotation.after]).toEqual([false, 4]);
  expect([rotation.claimed(null, undefined), rotation.after]).toEqual([true, 0]);
  expect([rotation.claimed(null, undefined), rotation.after]).toEqual([false, 4]);
});
