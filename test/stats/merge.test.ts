// Statistics of several databases as one answer.
import { expect, test } from "@jest/globals";

import { LATENCY_SLOTS } from "../../src/kernel/latency.ts";
import { mergeStats, mergeWebhook, mergeWebhooks } from "../../src/stats/merge.ts";
import { latencyOf } from "../../src/stats/percentiles.ts";

const frame = {
  since: "2026-01-30T12:00:00.000Z",
  until: "2026-01-31T12:00:00.000Z",
  bucket_s: 3_600,
  latency_error: 0.19,
  latency_bounds_ms: [],
};

/** So many attempts, all of one latency. */
function sums(attempts: number, slot: number) {
  const counts = new Array<number>(LATENCY_SLOTS).fill(0);
  counts[slot] = attempts;
  return {
    attempts,
    delivered: attempts,
    retried: 0,
    dead: 1,
    attempt_latency: latencyOf(counts),
    start_latency: null,
  };
}
const [noon, one, two] = [12, 13, 14].map((hour) => `2026-01-30T${hour}:00:00.000Z`) as [
  string,
  string,
  string,
];

test("counts are added up, by bucket too, and percentiles are those of all that was counted", () => {
  const home = {
    ...frame,
    totals: sums(97, 4),
    buckets: [
      { at: noon, ...sums(1, 4) },
      { at: two, ...sums(96, 4) },
    ],
  };
  const us = {
    ...frame,
    totals: sums(3, 20),
    buckets: [
      { at: noon, ...sums(2, 20) },
      { at: one, ...sums(1, 20) },
    ],
  };
  const { totals, buckets, ...rest } = mergeStats([home, us]);
  expect(rest).toEqual(frame);
  expect(totals).toMatchObject({ attempts: 100, delivered: 100, dead: 2, start_latency: null });
  const [fast, slow] = [sums(1, 4), sums(1, 20)].map(({ attempt_latency: of }) => of?.p50_ms);
  expect(totals.attempt_latency).toMatchObject({ p50_ms: fast, p95_ms: fast, p99_ms: slow });
  expect(totals.attempt_latency?.counts.filter((count) => count > 0)).toEqual([97, 3]);
  expect(buckets.map(({ at, attempts }) => [at, attempts])).toEqual([
    [noon, 3],
    [one, 1],
    [two, 96],
  ]);
});

test("where nothing was timed there are no percentiles", () => {
  const nothing = { ...sums(0, 0), attempt_latency: null };
  const none = { ...frame, totals: nothing, buckets: [] };
  expect(mergeStats([none, none]).totals).toMatchObject({
    attempts: 0,
    attempt_latency: null,
  });
});

test("webhooks come in the order of their ids as asked, each once; of one id the first tenant's by name", () => {
  const of = (id: string, tenant: string, attempts: number) => ({
    id,
    tenant,
    totals: sums(attempts, 1),
    buckets: [],
  });
  const [home, us] = [
    { ...frame, data: [of("a", "acme", 1), of("b", "umbrella", 2)] },
    { ...frame, data: [of("b", "initech", 3), of("c", "initech", 4)] },
  ];
  const { data } = mergeWebhooks([home, us], ["c", "b", "gone", "a", "b"]);
  expect(data.map(({ id, tenant, totals }) => [id, tenant, totals.attempts])).toEqual([
    ["c", "initech", 4],
    ["b", "initech", 3],
    ["a", "acme", 1],
  ]);
  const alone = (tenant: string) => ({ ...frame, tenant, totals: sums(1, 1), buckets: [] });
  expect(mergeWebhook([alone("umbrella"), alone("initech")]).tenant).toBe("initech");
});
