// Which buckets of time an answer has.
import { describe, expect, test } from "@jest/globals";

import { DAY, HOUR, MINUTE } from "../../src/kernel/duration.ts";
import { BUCKETS_S, chooseBuckets } from "../../src/stats/buckets.ts";

const NOW = new Date("2026-01-31T12:34:56.789Z");
const ago = (ms: number) => new Date(NOW.getTime() - ms);

describe("left out, the length is the least with which at most 300 buckets hold the span", () => {
  test.each([
    ["an hour", HOUR, 60],
    ["four hours", 4 * HOUR, 60],
    ["six hours", 6 * HOUR, 300],
    ["a day", DAY, 300],
    ["25 hours", 25 * HOUR, 3_600],
    ["three days", 3 * DAY, 3_600],
    ["twelve days", 12 * DAY, 3_600],
    ["thirteen days", 13 * DAY, 86_400],
    ["thirty days", 30 * DAY, 86_400],
  ])("%s", (_, ms, bucketS) => {
    const span = chooseBuckets({ since: ago(ms) }, NOW);
    expect(span.bucketS).toBe(bucketS);
    expect((span.until.getTime() - span.since.getTime()) / 1_000 / bucketS).toBeLessThanOrEqual(
      300,
    );
  });
});

test("buckets are whole, by UTC, and hold the span; a day until now unless another is given", () => {
  expect(chooseBuckets({ bucket_s: 3_600 }, NOW)).toEqual({
    since: new Date("2026-01-30T12:00:00Z"),
    until: new Date("2026-01-31T13:00:00Z"),
    bucketS: 3_600,
  });
  const until = new Date("2026-01-20T00:00:00Z");
  expect(chooseBuckets({ until, bucket_s: 86_400 }, NOW)).toEqual({
    since: new Date("2026-01-19T00:00:00Z"),
    until,
    bucketS: 86_400,
  });
  expect(chooseBuckets({ until: new Date("2027-01-01") }, NOW).until).toEqual(
    new Date("2026-01-31T12:35:00Z"),
  );
});

test("a page of 200 webhooks gets a day by the hour", () => {
  expect(chooseBuckets({}, NOW, 200).bucketS).toBe(3_600);
});

describe("refused, with the field and what to do", () => {
  test.each([
    [
      "too many buckets",
      { since: ago(DAY), bucket_s: 60 },
      "bucket_s: at most 300 buckets fit into this answer: take 300 or more, or begin later",
    ],
    [
      "minutes that are gone",
      { since: ago(49 * HOUR), until: ago(48 * HOUR), bucket_s: 60 },
      "bucket_s: what is shorter than an hour is kept for 48 hours: take 3600 or more, or begin later",
    ],
    [
      "a span of a year",
      { since: ago(365 * DAY) },
      "since: at most 300 buckets of a day fit into this answer: begin later",
    ],
    [
      "a future",
      { since: new Date(NOW.getTime() + MINUTE) },
      "since: `since` has to be before `until` and in the past; now is 2026-01-31T12:34:56.789Z",
    ],
    [
      "an end before the beginning",
      { since: ago(HOUR), until: ago(DAY) },
      "until: `since` has to be before `until` and in the past; now is 2026-01-31T12:34:56.789Z",
    ],
  ] as const)("%s", (_, wanted, message) => {
    expect(() => chooseBuckets(wanted, NOW)).toThrow(message);
  });
});

test("whatever length is refused, the one that is named instead is taken", () => {
  for (const ms of [HOUR, 5 * HOUR, DAY, 2 * DAY, 3 * DAY, 20 * DAY, 200 * DAY])
    for (const bucket_s of BUCKETS_S) {
      try {
        chooseBuckets({ since: ago(ms), bucket_s }, NOW);
      } catch (error) {
        const named = Number(/take (\d+)/.exec((error as Error).message)?.[1]);
        const wanted = BUCKETS_S.find((each) => each === named);
        expect(chooseBuckets({ since: ago(ms), bucket_s: wanted }, NOW).bucketS).toBe(named);
      }
    }
});
