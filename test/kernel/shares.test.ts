// Places that callers share: what is left to others, who is next, and what is refused.
import { expect, test } from "@jest/globals";

import { createShares, type Owner, type Shares } from "../../src/kernel/shares.ts";

/** Asks for a place and keeps it until `end`. */
function ask(shares: Shares, owner: Owner, started: string[], name = owner.tenant) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  const done = shares.take(owner, () => {
    started.push(name);
    return ended;
  });
  done.catch(() => {}); // of those that are never let in
  return { done, end };
}

const turnOver = () => new Promise((resolve) => setImmediate(resolve));
const many = (count: number, owner: Owner): Owner[] => Array.from({ length: count }, () => owner);

test("whatever a tenant and its keys ask for, another tenant's call, and another key's, has a place at once", () => {
  const shares = createShares(5);
  const started: string[] = [];
  for (const owner of many(30, { tenant: "a", key: "busy" })) void ask(shares, owner, started);
  expect(started).toEqual(["a", "a", "a"]);
  void ask(shares, { tenant: "a", key: "other" }, started, "a's other key");
  void ask(shares, { tenant: "b", key: "k" }, started);
  expect(started.slice(3)).toEqual(["a's other key", "b"]);
});

test("a place that comes free goes to who has the fewest, and among equals to who came first", async () => {
  const shares = createShares(2);
  const started: string[] = [];
  const first = ask(shares, { tenant: "a", key: "1" }, started);
  const second = ask(shares, { tenant: "b", key: "1" }, started);
  for (const name of ["a1", "a2"]) void ask(shares, { tenant: "a", key: "1" }, started, name);
  for (const name of ["c1", "c2"]) void ask(shares, { tenant: "c", key: "1" }, started, name);
  second.end();
  await turnOver();
  expect(started).toEqual(["a", "b", "c1"]); // not a's, which has one
  first.end();
  await turnOver();
  expect(started).toEqual(["a", "b", "c1", "a1"]);
});

test("of those with one subject one at a time has a place; the next has it when that ends, failed or not", async () => {
  const shares = createShares(10);
  const started: string[] = [];
  const owner = { tenant: "a", key: "1", subject: "webhook 1" };
  const failing = shares.take(owner, () => Promise.reject(new Error("broken")));
  const next = ask(shares, owner, started, "next");
  void ask(shares, owner, started, "last");
  void ask(shares, { ...owner, subject: "webhook 2" }, started, "other");
  expect(started).toEqual(["other"]);
  await expect(failing).rejects.toThrow("broken");
  await turnOver();
  expect(started).toEqual(["other", "next"]);
  next.end();
  await turnOver();
  expect(started).toEqual(["other", "next", "last"]);
});

test("what is asked for beyond what may wait is refused at once, and what waits too long then, both with a time to come again", async () => {
  const shares = createShares(1);
  const owner = { tenant: "a", key: "1" };
  const holding = ask(shares, owner, []);
  const waiting = many(100, owner).map((each) => shares.take(each, () => Promise.resolve()));
  const refused = { code: "rate_limited", status: 429, retryAfterS: 1 };
  await expect(shares.take(owner, () => Promise.resolve())).rejects.toMatchObject(refused);
  const ends = await Promise.allSettled(waiting);
  for (const end of ends) expect(end).toMatchObject({ status: "rejected", reason: refused });
  holding.end();
  await holding.done;
  expect(await shares.take(owner, () => Promise.resolve("done"))).toBe("done");
});

test("after long work a place rests as it is told to, and others wait for it; after short work it is free at once", async () => {
  let now = 0;
  const restAfter = (tookMs: number) => (tookMs > 20 ? 50 : 0);
  const shares = createShares(1, restAfter, () => now);
  const taking = (tookMs: number) =>
    shares.take({ tenant: "a", key: "k" }, () => Promise.resolve((now += tookMs)));
  const started: string[] = [];
  await taking(1);
  ask(shares, { tenant: "a", key: "k" }, started, "after short work").end();
  expect(started).toEqual(["after short work"]);
  await turnOver();
  await taking(100);
  const restsFrom = performance.now();
  await taking(1);
  expect(performance.now() - restsFrom).toBeGreaterThan(48);
});
