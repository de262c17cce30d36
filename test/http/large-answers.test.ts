// Large answers: how many are open, and how many are made.
import { EventEmitter } from "node:events";

import { expect, test } from "@jest/globals";
import type { Response } from "express";

import { createLargeAnswers } from "../../src/http/large-answers.ts";

const response = () => Object.assign(new EventEmitter(), { closed: false }) as unknown as Response;
const owner = (key: string) => ({ tenant: key, key });
const turnOver = () => new Promise((resolve) => setImmediate(resolve));

test("one of a key is open, until it is read or its reader is gone, and six of all", async () => {
  const answers = createLargeAnswers();
  const made: string[] = [];
  const enlarge = (key: string, to = response()) => {
    void answers(owner(key), to)(() => Promise.resolve(made.push(key)));
    return to;
  };
  const [first, second] = ["a", "a", "b", "c", "d", "e", "f", "g"].map((key) => enlarge(key));
  await turnOver();
  expect(made).toEqual(["a", "b", "c", "d", "e", "f"]);
  first?.emit("close");
  await turnOver();
  expect(made.slice(6)).toEqual(["a"]); // which came before g
  second?.emit("close");
  await turnOver();
  expect(made.slice(7)).toEqual(["g"]);
});

test("one at a time is made, though all are open", async () => {
  const answers = createLargeAnswers();
  let begun = 0;
  const ends: (() => void)[] = [];
  for (const key of ["a", "b", "c"])
    void answers(
      owner(key),
      response(),
    )(() => {
      begun++;
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  for (let n = 1; n <= 3; n++) {
    await turnOver();
    expect(begun).toBe(n);
    ends[n - 1]?.();
  }
});

test("the calls of one request share its place", async () => {
  const enlarge = createLargeAnswers()(owner("a"), response());
  for (let call = 0; call < 10; call++)
    expect(await enlarge(() => Promise.resolve(call))).toBe(call);
});
