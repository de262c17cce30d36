// Long work on the one thread: how it is shared out.
import { setImmediate, setTimeout } from "node:timers/promises";

import { expect, test } from "@jest/globals";

import { hurry, isHurried } from "../../src/kernel/hurry.ts";
import { createSlices, type Rest } from "../../src/kernel/slices.ts";

const STEP_MS = 0.5;

/** Works of so many steps on a thread whose time passes by their steps alone; what was done, and when. */
function works(count: number, steps: number, isInHurry = false) {
  let now = 0;
  const done: string[] = [];
  const rested: number[] = [];
  const sliced = createSlices(
    () => now,
    (ms) => {
      rested.push(ms);
      return setImmediate();
    },
    () => isInHurry,
  );
  const work = async (name: string, rest: Rest) => {
    for (let step = 0; step < steps; step++) {
      now += STEP_MS;
      done.push(name);
      await rest();
    }
  };
  const all = Promise.all(Array.from({ length: count }, (_, n) => work(`${n}`, sliced())));
  return { all, done, rested };
}

/** The longest run of steps between two turns of the loop. */
async function longestTurn(done: readonly string[], total: number): Promise<number> {
  let longest = 0;
  await setImmediate(); // in the first one each of them begins
  let before = done.length;
  while (done.length < total) {
    await setImmediate();
    longest = Math.max(longest, done.length - before);
    before = done.length;
  }
  return longest;
}

test("however many works are under way, a turn of the loop has one slice of one of them", async () => {
  const many = works(20, 100);
  expect(await longestTurn(many.done, 2_000)).toBeLessThanOrEqual(3 / STEP_MS);
});

test("the works take turns", async () => {
  const two = works(2, 60);
  await two.all;
  const turns = two.done.filter((name, at) => name !== two.done[at - 1]).length;
  expect(turns).toBeGreaterThan(15);
});

async function restedTimes(isInHurry: boolean): Promise<number> {
  const one = works(1, 100, isInHurry);
  await one.all;
  return one.rested.reduce((sum, ms) => sum + ms, 0) / (100 * STEP_MS);
}

test("after a slice all rest for as long as it took: long work has half of the thread at most", async () => {
  const times = await restedTimes(false);
  expect(times).toBeGreaterThan(0.9);
  expect(times).toBeLessThanOrEqual(1);
});

test("while somebody publishes event by event, all rest four times as long: long work has a fifth", async () => {
  expect(await restedTimes(true)).toBeGreaterThan(4 * 0.9);
});

test("who publishes an event by itself is noted, for as long as the next is expected", async () => {
  expect(isHurried()).toBe(false);
  hurry();
  expect(isHurried()).toBe(true);
  while (isHurried()) await setTimeout(50);
});

test("work that is soon done waits for nobody", async () => {
  const long = works(5, 1_000);
  const rest = createSlices()();
  expect(rest()).toBeUndefined();
  await long.all;
});
