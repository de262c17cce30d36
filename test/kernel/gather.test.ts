// Calls of one thing that come at once, made into few.
import { setImmediate } from "node:timers/promises";

import { expect, test } from "@jest/globals";

import { createGatherer } from "../../src/kernel/gather.ts";

class Refusal extends Error {}

/** A gatherer whose runs are recorded, and end when `end` is called for each. */
function recorder(itemsMax = 10) {
  const runs: { lane: string; items: number[]; end: (error?: Error) => void }[] = [];
  const gather = createGatherer<number, string>({
    run: (lane, items) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) =>
          error ? reject(error) : resolve(items.map((item) => `${lane}${item}`));
        runs.push({ lane, items, end });
      }),
    itemsMax,
    isRefusal: (error) => error instanceof Refusal,
  });
  const settled = async () => {
    await setImmediate(); // the turn in which the answers are given
    await setImmediate(); // the one in which the next run starts
  };
  return { gather, runs, settled };
}

test("what comes in one turn, or while a call is under way, goes in one, in order, at most so many", async () => {
  const { gather, runs, settled } = recorder(3);
  const first = gather("a", 1);
  await settled();
  const answers = Promise.all([first, ...[2, 3, 4, 5].map((item) => gather("a", item))]);
  expect(runs.map(({ items }) => items)).toEqual([[1]]);
  for (let run = 0; run < 3; run++) {
    runs[run]?.end();
    await settled();
  }
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3, 4], [5]]);
  expect(await answers).toEqual(["a1", "a2", "a3", "a4", "a5"]);
});

test("lanes do not wait for each other", async () => {
  const { gather, runs, settled } = recorder();
  const answers = Promise.all([gather("a", 1), gather("b", 2)]);
  await settled();
  expect(runs.map(({ lane }) => lane)).toEqual(["a", "b"]);
  for (const { end } of runs) end();
  expect(await answers).toEqual(["a1", "b2"]);
});

test("where one of a list is refused, its halves are tried until it is alone, and only it gets the error", async () => {
  const { gather, runs, settled } = recorder();
  const answers = Promise.allSettled([2, 3, 4].map((item) => gather("a", item)));
  await settled();
  runs[0]?.end(new Refusal());
  for (const error of [new Refusal("2 and 3"), undefined, new Refusal("3"), undefined]) {
    await settled();
    runs.at(-1)?.end(error);
  }
  expect(runs.map(({ items }) => items)).toEqual([[2, 3, 4], [2, 3], [2], [3], [4]]);
  expect((await answers).map(({ status }) => status)).toEqual([
    "fulfilled",
    "rejected",
    "fulfilled",
  ]);
});

test("any other failure is everybody's, and the next call is a new one", async () => {
  const { gather, runs, settled } = recorder();
  const answers = Promise.allSettled([1, 2].map((item) => gather("a", item)));
  await settled();
  runs[0]?.end(new Error("away"));
  expect((await answers).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const next = gather("a", 4);
  await settled();
  runs[1]?.end();
  expect(await next).toBe("a4");
});
