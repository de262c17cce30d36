// Which buckets of time an answer has: pure.
import { DAY, HOUR, SECOND } from "../kernel/duration.ts";
import { invalid } from "../kernel/errors.ts";
import { MINUTES_KEPT_MS, type StatsSpan } from "../store/stats.ts";

/** The lengths of a bucket, in seconds. */
export const BUCKETS_S = [60, 300, 3_600, 86_400] as const;
export type BucketS = (typeof BUCKETS_S)[number];

/** Of one line: more points than that no page shows. */
export const BUCKETS_MAX = 300;

/** Of all lines of an answer: a day by the hour of two hundred webhooks, and no answer takes long to read. */
const BUCKETS_OF_ALL_MAX = 5_000;

type Wanted = {
  since?: Date | undefined;
  until?: Date | undefined;
  bucket_s?: BucketS | undefined;
};

/** Whole buckets that hold the span: of the length that is wanted, else of the least that keeps the answer short. */
export function chooseBuckets(wanted: Wanted, now: Date, lines = 1): StatsSpan {
  const until = wanted.until && wanted.until < now ? wanted.until : now;
  const since = wanted.since ?? new Date(until.getTime() - DAY);
  if (since >= until)
    throw invalid(
      wanted.since && wanted.since >= now ? "since" : "until",
      `\`since\` has to be before \`until\` and in the past; now is ${now.toISOString()}`,
    );
  const max = Math.min(BUCKETS_MAX, Math.floor(BUCKETS_OF_ALL_MAX / lines));
  const isKept = (bucketS: BucketS) =>
    bucketS * SECOND >= HOUR || now.getTime() - since.getTime() <= MINUTES_KEPT_MS;
  const fitting = BUCKETS_S.filter(
    (each) => isKept(each) && countOf(span(since, until, each)) <= max,
  );
  const bucketS = wanted.bucket_s ?? fitting[0];
  if (bucketS !== undefined && fitting.includes(bucketS)) return span(since, until, bucketS);
  throw refused(wanted.bucket_s, { max, isKept, fits: fitting[0] });
}

function refused(
  bucketS: BucketS | undefined,
  {
    max,
    isKept,
    fits,
  }: { max: number; isKept: (bucketS: BucketS) => boolean; fits: BucketS | undefined },
) {
  if (fits === undefined)
    return invalid("since", `at most ${max} buckets of a day fit into this answer: begin later`);
  const why =
    bucketS === undefined || isKept(bucketS)
      ? `at most ${max} buckets fit into this answer`
      : "what is shorter than an hour is kept for 48 hours";
  return invalid("bucket_s", `${why}: take ${fits} or more, or begin later`);
}

function span(since: Date, until: Date, bucketS: BucketS): StatsSpan {
  const ms = bucketS * SECOND;
  return {
    since: new Date(Math.floor(since.getTime() / ms) * ms),
    until: new Date(Math.ceil(until.getTime() / ms) * ms),
    bucketS,
  };
}

function countOf({ since, until, bucketS }: StatsSpan): number {
  return (until.getTime() - since.getTime()) / (bucketS * SECOND);
}
