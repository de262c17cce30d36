// Statistics of several databases as one answer: pure. They are all of one span, as the first of them has chosen it.
import { LATENCY_SLOTS, type Histogram } from "../kernel/latency.ts";
import { latencyOf } from "./percentiles.ts";
import type { Stats, StatsBucket, WebhooksStats, WebhookStats } from "./schema.ts";

type Sums = Stats["totals"];

const NONE: Histogram = new Array<number>(LATENCY_SLOTS).fill(0);

/** All of them together: counts are added up, and percentiles reckoned anew of what was counted. */
export function mergeStats(answers: readonly [Stats, ...Stats[]]): Stats {
  const byTime = new Map<string, StatsBucket[]>();
  for (const bucket of answers.flatMap(({ buckets }) => buckets)) {
    const same = byTime.get(bucket.at);
    if (same) same.push(bucket);
    else byTime.set(bucket.at, [bucket]);
  }
  return {
    ...answers[0],
    totals: together(answers.map(({ totals }) => totals)),
    buckets: [...byTime]
      .map(([at, same]) => ({ at, ...together(same) }))
      .sort((one, other) => (one.at < other.at ? -1 : 1)),
  };
}

/** Of a webhook's id that several tenants have, the first tenant's by name, as it is in one database. */
export function mergeWebhook(answers: readonly [WebhookStats, ...WebhookStats[]]): WebhookStats {
  return answers.reduce((first, other) => (isBefore(other, first) ? other : first));
}

/** The same of many, in the order of these ids. */
export function mergeWebhooks(
  answers: readonly [WebhooksStats, ...WebhooksStats[]],
  ids: readonly string[],
): WebhooksStats {
  const found = new Map<string, WebhooksStats["data"][number]>();
  for (const webhook of answers.flatMap(({ data }) => data)) {
    const first = found.get(webhook.id);
    if (!first || isBefore(webhook, first)) found.set(webhook.id, webhook);
  }
  return { ...answers[0], data: [...new Set(ids)].flatMap((id) => found.get(id) ?? []) };
}

type Owned = { tenant?: string | undefined };
const isBefore = ({ tenant = "" }: Owned, { tenant: other = "" }: Owned) => tenant < other;

function together(all: readonly Sums[]): Sums {
  const sum = (count: "attempts" | "delivered" | "retried" | "dead") =>
    all.reduce((total, each) => total + each[count], 0);
  const latency = (kind: "attempt_latency" | "start_latency") => {
    const counted = all.flatMap((each) => (each[kind] ? [each[kind].counts] : []));
    return latencyOf(
      counted.reduce((slots, more) => slots.map((count, slot) => count + (more[slot] ?? 0)), NONE),
    );
  };
  return {
    attempts: sum("attempts"),
    delivered: sum("delivered"),
    retried: sum("retried"),
    dead: sum("dead"),
    attempt_latency: latency("attempt_latency"),
    start_latency: latency("start_latency"),
  };
}
