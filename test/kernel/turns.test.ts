// Turns: how many at once, who comes next, and how long anybody waits.
import { expect, test } from "@jest/globals";

import { createTurns } from "../../src/kernel/turns.ts";

const MINUTE = 60_000;

/** Work that goes on until it is told to end. */
const work = () => {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { end, run: () => ended };
};

test("no more than the given number are at work at once, and who asked first is next", async () => {
  const turns = createTurns(2);
  const started: number[] = [];
  const works = [work(), work(), work(), work()];
  const taken = works.map(({ run }, index) =>
    turns.take(MINUTE, () => {
      started.push(index);
      return run();
    }),
  );
  expect(started).toEqual([0, 1]);
  works[1]?.end();
  await taken[1];
  await turnOver();
  expect(started).toEqual([0, 1, 2]);
  for (const { end } of works) end();
  await Promise.all(taken);
  expect(started).toEqual([0, 1, 2, 3]);
});

test("a turn that does not come in time is given up, and work that fails gives its turn back", async () => {
  const turns = createTurns(1);
  const { end, run } = work();
  const first = turns.take(MINUTE, run);
  expect(await turns.take(1, () => Promise.resolve("done"))).toBeUndefined();
  end();
  await first;
  await expect(turns.take(1, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await turns.take(1, () => Promise.resolve("done"))).toBe("done");
});

const turnOver = () => new Promise((resolve) => setImmediate(resolve));
