// Judging what came by SQL: once for all its webhooks, and nobody waits for it for long.
import { beforeEach, expect, test } from "@jest/globals";

import { createLateJudging, type JudgeLate } from "../../src/delivery/judging.ts";
import type { Judgement } from "../../src/event-types/judging/index.ts";
import { createLog } from "../../src/kernel/log.ts";

let judgeLate: JudgeLate;
let now = 0;
const logged: string[] = [];
const log = createLog("warn", { write: (line) => void logged.push(line) });
let answers: ((judgement: Judgement) => void)[];

beforeEach(() => {
  logged.length = 0;
  answers = [];
  const payload = () => new Promise<Judgement>((resolve) => answers.push(resolve));
  judgeLate = createLateJudging({ judging: { payload }, monotonic: () => now, log });
});

const schema = { name: "t", version: "1", schema: { type: "number" } };
const event = (id: string) => ({
  id,
  tenant: "a",
  type: "t",
  timestamp: new Date(0),
  payload: "1",
  schema_checked: false,
  traceparent: null,
});
const issues = [{ path: "payload", message: "must be number" }];

test("an event is judged once, however many webhooks want it", async () => {
  const verdicts = Array.from({ length: 100 }, () => judgeLate(event("same"), schema));
  answers[0]?.({ kind: "unfit", wasSlow: false, issues });
  const unfit = { kind: "unfit", why: "payload: must be number" };
  expect(await Promise.all(verdicts)).toEqual(Array.from({ length: 100 }, () => unfit));
  expect(answers).toHaveLength(1);
});

test("what is not judged within half a second comes again, and is not judged a second time", async () => {
  expect(await judgeLate(event("slow"), schema)).toEqual({ kind: "later", waitMs: 1_000 });
  const again = judgeLate(event("slow"), schema);
  answers[0]?.({ kind: "fits", wasSlow: true });
  expect(await again).toEqual({ kind: "fits" });
  expect(await judgeLate(event("slow"), schema)).toEqual({ kind: "fits" }); // remembered
  expect(answers).toHaveLength(1);
  void judgeLate(event("slow"), { ...schema, version: "2" });
  expect(answers).toHaveLength(2);
});

test("what its tenant has no time for waits, and is judged then", async () => {
  const verdict = judgeLate(event("one"), schema);
  answers[0]?.({ kind: "busy", waitMs: 9_000 });
  expect(await verdict).toEqual({ kind: "later", waitMs: 9_000 });
  const next = judgeLate(event("one"), schema);
  answers[1]?.({ kind: "fits", wasSlow: false });
  expect(await next).toEqual({ kind: "fits" });
});

test("what could not be judged comes again", async () => {
  judgeLate = createLateJudging({
    judging: { payload: () => Promise.reject(new Error("x")) },
    monotonic: () => now,
    log,
  });
  expect(await judgeLate(event("one"), schema)).toEqual({ kind: "later", waitMs: 1_000 });
});

test("what does not fit is told in the log, once a type and minute, without a word of the payload", async () => {
  for (const id of ["one", "two", "three"]) {
    const verdict = judgeLate(event(id), schema);
    answers.at(-1)?.({ kind: "unfit", wasSlow: false, issues });
    await verdict;
  }
  expect(logged.map((line) => JSON.parse(line) as unknown)).toEqual([
    expect.objectContaining({ tenant: "a", type: "t", event: "evt_one" }),
  ]);
  expect(logged[0]).not.toContain("must be number");
  now += 60_000;
  const verdict = judgeLate(event("four"), schema);
  answers.at(-1)?.({ kind: "unfit", wasSlow: false, issues });
  await verdict;
  expect(JSON.parse(logged[1] ?? "")).toMatchObject({ event: "evt_four", untold: 2 });
});
