// Judging in threads: what strangers wrote may run as long as it likes, and nobody waits for it but they.
import { readdirSync, readFileSync } from "node:fs";

import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";

import { createJudging, type Judging } from "../../src/event-types/judging/index.ts";
import { createQueuedThread } from "../../src/event-types/judging/queued-thread.ts";
import type { Answer, Question } from "../../src/event-types/judging/messages.ts";
import { createFairQueue } from "../../src/event-types/judging/queue.ts";
import { createLog } from "../../src/kernel/log.ts";
import { until } from "../helpers/api.ts";

const open: Judging[] = [];
const logged: string[] = [];
let judging: Judging;
let now: number;

beforeEach(() => {
  now = 1_000;
  logged.length = 0;
  const log = createLog("info", { write: (line) => void logged.push(line) });
  judging = createJudging({ monotonic: () => now, log });
  open.push(judging);
});
afterAll(async () => {
  await Promise.all(open.map((each) => each.close()));
});

let versions = 0;
const enforced = (schema: unknown) => ({ name: "t", version: `${versions++}`, schema });
/** How nice each thread of this process is. */
const niceOfThreads = () =>
  readdirSync("/proc/self/task").map((task) =>
    Number(
      readFileSync(`/proc/self/task/${task}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ")[16],
    ),
  );
const EVIL = { pattern: "^(a+)+$" };
const ENDLESS = JSON.stringify(`${"a".repeat(40)}!`);

test("a payload that fits, and one that does not, are told apart", async () => {
  const schema = enforced({ properties: { id: { type: "integer" } } });
  expect(await judging.payload("a", schema, '{"id": 1}')).toEqual({
    kind: "fits",
    wasSlow: false,
  });
  expect(await judging.payload("a", schema, '{"id": "1"}')).toEqual({
    kind: "unfit",
    wasSlow: false,
    issues: [{ path: "payload.id", message: "must be integer" }],
  });
});

test("a schema is checked, a hostile one too, while this process goes on", async () => {
  expect(await judging.schema("a", EVIL)).toEqual({ kind: "checked", wrong: null });
  const { wrong } = { wrong: null, ...(await judging.schema("a", { pattern: "(" })) };
  expect(wrong).toMatch(/^Invalid regular expression/);
  let deep: unknown = {};
  for (let level = 0; level < 100_000; level++) deep = { not: deep };
  expect(await judging.schema("a", deep)).toMatchObject({ wrong: /nested more than 100/ as never });
});

test("what takes long runs where all else on the machine goes before it", async () => {
  await judging.payload("a", enforced(EVIL), ENDLESS);
  const tasks = niceOfThreads();
  expect(tasks).toContain(19);
  expect(tasks.filter((nice) => nice === 19).length).toBeLessThan(tasks.length / 2);
});

test("a schema as people write them is checked where nothing goes before it, so that a busy machine does not refuse it", async () => {
  const yielding = () => niceOfThreads().filter((nice) => nice === 19).length;
  const before = yielding();
  expect(await judging.schema("a", { type: "number" })).toEqual({ kind: "checked", wrong: null });
  expect(yielding()).toBeLessThanOrEqual(before); // one of an earlier test may have ended meanwhile
});

test("nobody waits for another tenant's pattern that backtracks, nor does this process", async () => {
  const plain = enforced({ type: "number" });
  await judging.payload("b", plain, "1");
  let tries = 0;
  const beside = async () => {
    const [evil, tenant] = [enforced(EVIL), `a${++tries}`];
    let turns = 0;
    const turn = setInterval(() => turns++, 1);
    const hostile = Promise.all(
      Array.from({ length: 8 }, () => judging.payload(tenant, evil, ENDLESS)),
    ).then(() => "the hostile");
    const kinds = new Set<string>();
    for (let n = 0; n < 20; n++) {
      const others = judging.payload("b", plain, `${n}`).then(({ kind }) => kind);
      kinds.add(await Promise.race([hostile, others]));
    }
    expect(await hostile).toBe("the hostile");
    clearInterval(turn);
    return { turns, kinds: [...kinds].join() };
  };
  // Of the second and more that it took; a busy machine may be elsewhere for all of that once.
  await until(beside, ({ turns, kinds }) => turns > 100 && kinds === "fits");
});

describe("a version that ran out of time", () => {
  const tooLong = { path: "payload", message: "takes too long to judge by the schema of its type" };

  test("is refused at once for nine times as long, then judged again; others of its tenant go on", async () => {
    const evil = enforced(EVIL);
    const first = await judging.payload("a", evil, ENDLESS);
    expect(first).toEqual({ kind: "unfit", wasSlow: true, issues: [tooLong] });
    const next = await judging.payload("a", evil, '"aaa"');
    expect(next).toEqual({ kind: "busy", waitMs: expect.any(Number) });
    expect((next as { waitMs: number }).waitMs).toBeGreaterThan(8_000);
    expect((await judging.payload("a", enforced({ type: "number" }), "1")).kind).toBe("fits");
    now += 120_000; // it may have had six seconds, where it had to share them
    expect((await judging.payload("a", evil, '"aaa"')).kind).toBe("fits");
    expect(logged.join("")).toContain("judging a payload by its schema took long");
  });

  test("does not keep its tenant's other schemas from taking long, until they have had five seconds", async () => {
    const kinds: string[] = [];
    const startedAt = performance.now();
    while (kinds.at(-1) !== "busy")
      kinds.push((await judging.payload("a", enforced(EVIL), ENDLESS)).kind);
    expect(performance.now() - startedAt).toBeGreaterThan(4_900);
    // Five, of a second each; where the machine is busy a stop comes late, and they are fewer.
    expect(kinds.length).toBeLessThanOrEqual(5 + 1);
    expect(new Set(kinds)).toEqual(new Set(["unfit", "busy"]));
    expect((await judging.schema("a", {})).kind).toBe("busy");
    expect((await judging.schema("b", {})).kind).toBe("checked");
    now += 60_000;
    expect((await judging.schema("a", {})).kind).toBe("checked");
  });
});

test("of a thousand that one tenant asks for at once some are sent away, and none of another's", async () => {
  const plain = enforced({ type: "number" });
  const asked = Array.from({ length: 1_000 }, () => judging.payload("a", plain, "1"));
  expect((await judging.payload("b", plain, "1")).kind).toBe("fits");
  const kinds = new Set((await Promise.all(asked)).map(({ kind }) => kind));
  expect(kinds).toEqual(new Set(["fits", "busy"]));
});

test("tenants take turns, and one that has its share out waits for it", () => {
  const queue = createFairQueue<{ tenant: string; n: number }>(2);
  for (const [n, tenant] of [..."aaab"].entries()) queue.add({ tenant, n });
  const out = [queue.next(), queue.next(), queue.next(), queue.next()];
  expect(out.map((item) => item?.n)).toEqual([0, 3, 1, undefined]);
  if (out[0]) queue.done(out[0]);
  expect(queue.next()?.n).toBe(2);
});

describe("a thread that ends by itself", () => {
  const task = (payload: string) => ({
    kind: "payload" as const,
    version: "v",
    payload,
    limitMs: 1_000,
  });

  test("takes with it what it was at; the next one does what was left", async () => {
    const thread = createQueuedThread({
      ahead: 4,
      mayBegin: () => 0,
      startThread: ({ answered, ended }) => {
        const asked: Question[] = [];
        return {
          ask(question) {
            asked.push(question);
            if (asked.length > 1) return;
            setImmediate(() => {
              for (const { id, ...each } of asked) {
                if ("payload" in each && each.payload === "deadly") return ended(undefined, true);
                answered({ id, tookMs: 1, finding: { kind: "fits" } } satisfies Answer);
              }
            });
          },
          end: () => Promise.resolve(),
        };
      },
    });
    const kinds = ["good", "deadly", "good", "good"].map(async (payload, n) => {
      const result = await thread.run(`${n % 2}`, task(payload));
      return result.kind === "found" ? result.finding.kind : result.kind;
    });
    expect(await Promise.all(kinds)).toEqual(["fits", "slow", "fits", "fits"]);
  });

  test("before it could be asked is an error of those who asked", async () => {
    const thread = createQueuedThread({
      ahead: 4,
      mayBegin: () => 0,
      startThread: ({ ended }) => ({
        ask: () => setImmediate(() => ended(new Error("no such file"), false)),
        end: () => Promise.resolve(),
      }),
    });
    await expect(thread.run("a", task("1"))).rejects.toThrow("no such file");
  });
});
