// What statistics are on the wire, and what asking for them takes.
import { z } from "zod";

import {
  awayCells,
  instant,
  instantInput,
  itsTenant,
  printedAs,
  webhookIdInput,
} from "../kernel/fields.ts";
import { request } from "../kernel/request.ts";
import { BUCKETS_MAX, BUCKETS_S } from "./buckets.ts";

const IDS_MAX = 200; // a page of webhooks

const span = {
  since: instantInput
    .optional()
    .meta({ description: "What ended at or after this; a day before `until` unless given." }),
  until: instantInput
    .optional()
    .meta({ description: "What ended before this; left out, or later than now: up to now." }),
  bucket_s: z
    .union(
      BUCKETS_S.map((seconds) => z.literal(seconds)),
      { error: `${BUCKETS_S.join(", ")} seconds are what there is` },
    )
    .optional()
    .meta({
      description: `The length of a bucket; left out, the least with which there are at most ${BUCKETS_MAX}. What is shorter than an hour is kept for 48 hours.`,
    }),
};

export const overviewInput = request(span).meta({ id: "StatsOverviewRequest" });

export const webhookInput = request({ id: webhookIdInput, ...span }).meta({
  id: "StatsWebhookRequest",
});

export const webhooksInput = request({
  ids: z.array(webhookIdInput).min(1).max(IDS_MAX).meta({
    description: "1 to 200 webhooks. Those that there are not are not in the answer.",
  }),
  ...span,
}).meta({ id: "StatsWebhooksRequest" });

// Without names of their own: null or a named thing is a choice of two in openapi.yaml, which few generators know.
const percentiles = z.object({ p50_ms: z.number(), p95_ms: z.number(), p99_ms: z.number() });

const latency = percentiles.extend({
  counts: z.array(z.int()).meta({
    description:
      "How many latencies there were below the first of `latency_bounds_ms`, between it and the second, …, and from the last on.",
  }),
});

const counts = {
  attempts: z.int().meta({ description: "Attempts that ended." }),
  delivered: z.int().meta({ description: "Deliveries that ended as delivered." }),
  retried: z.int().meta({ description: "Attempts that failed and are made again after a wait." }),
  dead: z.int().meta({ description: "Deliveries that ended as dead." }),
};

const ATTEMPT_LATENCY =
  "How long attempts took that the receiver answered, or failed to, to within `latency_error`; null where there was none.";
const START_LATENCY =
  "How long it took from `created_at` to the first attempt's start. Waits by a pause don't count; deliveries of an ordered webhook, or that a rate may have held back, are left out, as is what was sent again. null where there was none.";

const sumsWith = <T extends z.ZodType>(each: T) =>
  z.object({
    ...counts,
    attempt_latency: each.nullable().meta({ description: ATTEMPT_LATENCY }),
    start_latency: each.nullable().meta({ description: START_LATENCY }),
  });

const at = instant.meta({
  description: "When it begins: a multiple of `bucket_s`, in UTC.",
});
const totals = sumsWith(latency).meta({ id: "StatsTotals" });
const bucket = z.object({ at, ...sumsWith(latency).shape }).meta({ id: "StatsBucket" });
const point = z.object({ at, ...sumsWith(percentiles).shape }).meta({ id: "StatsPoint" });

const frame = {
  since: instant.meta({ description: "When the first bucket begins." }),
  until: instant.meta({ description: "When the last bucket ends; the present one is not over." }),
  bucket_s: z.int(),
  latency_error: z.number().meta({
    description: "By what share a percentile can be off, or by 1 ms where that is more.",
  }),
  latency_bounds_ms: z
    .array(z.number())
    .meta({ description: "Between which latencies are counted." }),
  away: awayCells,
};

const SPARSE = "Those in which something ended, by time.";

export const stats = z
  .object({ ...frame, totals, buckets: z.array(bucket).meta({ description: SPARSE }) })
  .meta({ id: "Stats" });

export const webhookStats = stats.extend({ tenant: itsTenant }).meta({ id: "WebhookStats" });

export const webhooksStats = z
  .object({
    ...frame,
    data: z.array(
      z
        .object({
          id: z.uuid(),
          tenant: itsTenant,
          totals,
          buckets: printedAs(z.array(point).meta({ description: SPARSE })),
        })
        .meta({ id: "StatsOfWebhook" }),
    ),
  })
  .meta({ id: "WebhooksStats" });

export type OverviewInput = z.output<typeof overviewInput>;
export type WebhookInput = z.output<typeof webhookInput>;
export type WebhooksInput = z.output<typeof webhooksInput>;
export type Stats = z.output<typeof stats>;
export type StatsBucket = z.output<typeof bucket>;
export type WebhookStats = z.output<typeof webhookStats>;
export type StatsPoint = z.output<typeof point>;
export type WebhooksStats = z.output<typeof webhooksStats>;
