// How long payloads that came by SQL may be judged, by a clock that the judge moves as a slow schema would.
import { beforeEach, expect, test } from "@jest/globals";

import { createJudging, type ClaimJudge } from "../../src/delivery/judging.ts";
import { createJudge } from "../../src/event-types/judge.ts";
import { silentLog } from "../../src/kernel/log.ts";

const real = createJudge();
let now: number;
let judged: number;
let tookMs: number;
let judging: { begin(): ClaimJudge };

beforeEach(() => {
  now = 10_000;
  judged = 0;
  judging = createJudging({
    judge: {
      judge(...args) {
        now += tookMs;
        judged += 1;
        return real.judge(...args);
      },
    },
    monotonic: () => now,
    log: silentLog,
  });
});

const schema = { name: "t", version: "1", schema: { type: "number" } };
const event = (id: string, { tenant = "a", payload = "1" } = {}) => ({
  id,
  tenant,
  type: "t",
  timestamp: new Date(0),
  payload,
  schema_checked: false,
});
const kinds = (judge: ClaimJudge, ...events: ReturnType<typeof event>[]) =>
  events.map((each) => judge(each, schema).kind);

test("an event is judged once a claim, however many webhooks want it", () => {
  tookMs = 1;
  const judge = judging.begin();
  for (let n = 0; n < 100; n++) judge(event("same"), schema);
  expect(judged).toBe(1);
});

test("a claim's judging ends after half a second; the next goes on", () => {
  tookMs = 90;
  const events = Array.from({ length: 10 }, (_, n) => event(`${n}`));
  const judge = judging.begin();
  expect(kinds(judge, ...events)).toEqual([
    ...Array.from({ length: 6 }, () => "fits"),
    ...Array.from({ length: 4 }, () => "later"),
  ]);
  expect(judge(event("9"), schema)).toEqual({ kind: "later", waitMs: 0 });
  expect(kinds(judging.begin(), ...events.slice(6))).toEqual(["fits", "fits", "fits", "fits"]);
});

test("a tenant whose payload took long rests for nine times as long, and others go on", () => {
  tookMs = 400;
  expect(kinds(judging.begin(), event("slow"))).toEqual(["fits"]);
  tookMs = 1;
  const judge = judging.begin();
  expect(judge(event("next"), schema)).toEqual({ kind: "later", waitMs: 3_600 });
  expect(kinds(judge, event("other", { tenant: "b" }))).toEqual(["fits"]);
  now += 3_600;
  expect(kinds(judging.begin(), event("next"))).toEqual(["fits"]);
});

test("what took long is not judged again for the next webhook or the next try, whichever it was", () => {
  tookMs = 1_000;
  const unfit = event("unfit", { payload: '"1"' });
  const fit = event("fit", { tenant: "b" });
  expect(kinds(judging.begin(), unfit)).toEqual(["unfit"]);
  expect(kinds(judging.begin(), fit)).toEqual(["fits"]);
  expect(kinds(judging.begin(), unfit, fit)).toEqual(["unfit", "fits"]);
  expect(judged).toBe(2);
  now += 10_000;
  judging.begin()(unfit, { ...schema, version: "2" });
  expect(judged).toBe(3);
});
