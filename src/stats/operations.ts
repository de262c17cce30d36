// What can be asked of statistics: of the whole tenant, of a webhook, of a page of webhooks.
import {
  LATENCY_BOUNDS_MS,
  LATENCY_ERROR,
  LATENCY_SLOTS,
  percentile,
  type Histogram,
} from "../kernel/latency.ts";
import { readNow, readStats, WHOLE_TENANT, type StatsRow, type StatsSpan } from "../store/stats.ts";
import type { TenantStore } from "../store/tenant.ts";
import { findWebhook, findWebhookIds } from "../store/webhooks.ts";
import { notFound as webhookNotFound } from "../webhooks/operations.ts";
import { chooseBuckets } from "./buckets.ts";
import type { OverviewInput, Stats, WebhookInput, WebhooksInput, WebhooksStats } from "./schema.ts";

export type StatsContext = { store: TenantStore };

/** What became of all deliveries of the tenant, those to webhooks that are deleted since too. */
export async function overview({ store }: StatsContext, input: OverviewInput): Promise<Stats> {
  const span = chooseBuckets(input, await readNow(store.db));
  return statsOf(span, await readStats(store.db, store.tenant, [WHOLE_TENANT], span));
}

/** What became of one webhook's deliveries. */
export async function webhook({ store }: StatsContext, input: WebhookInput): Promise<Stats> {
  const { id, ...wanted } = input;
  const found = await findWebhook(store.db, store.tenant, id);
  if (!found) throw webhookNotFound(id);
  const span = chooseBuckets(wanted, await readNow(store.db));
  return statsOf(span, await readStats(store.db, store.tenant, [found.webhook_id], span));
}

/** The same of many webhooks, in the order of their ids as given; what is not there is left out. */
export async function webhooks(
  { store }: StatsContext,
  input: WebhooksInput,
): Promise<WebhooksStats> {
  const { ids, ...wanted } = input;
  const unique = [...new Set(ids)];
  const span = chooseBuckets(wanted, await readNow(store.db), unique.length);
  const found = await findWebhookIds(store.db, store.tenant, unique);
  const rows = new Map<number, StatsRow[]>();
  for (const row of await readStats(store.db, store.tenant, [...found.values()], span)) {
    const own = rows.get(row.webhook_id);
    if (own) own.push(row);
    else rows.set(row.webhook_id, [row]);
  }
  return {
    ...frameOf(span),
    data: unique.flatMap((id) => {
      const webhookId = found.get(id);
      if (webhookId === undefined) return [];
      const own = rows.get(webhookId) ?? [];
      return [{ id, totals: totalsOf(own), buckets: own.map(pointOf) }];
    }),
  };
}

function statsOf(span: StatsSpan, rows: readonly StatsRow[]): Stats {
  return {
    ...frameOf(span),
    totals: totalsOf(rows),
    buckets: rows.map((row) => ({ at: row.at.toISOString(), ...sumsOf(row) })),
  };
}

function frameOf({ since, until, bucketS }: StatsSpan) {
  return {
    since: since.toISOString(),
    until: until.toISOString(),
    bucket_s: bucketS,
    latency_error: Math.ceil(LATENCY_ERROR * 100) / 100,
    latency_bounds_ms: LATENCY_BOUNDS_MS.map((ms) => Math.round(ms * 100) / 100),
  };
}

type Sums = Omit<StatsRow, "webhook_id" | "at">;

function totalsOf(rows: readonly Sums[]) {
  const total = (pick: (row: Sums) => number) => rows.reduce((sum, row) => sum + pick(row), 0);
  const slots = (pick: (row: Sums) => Histogram) =>
    Array.from({ length: LATENCY_SLOTS }, (_, slot) => total((row) => pick(row)[slot] ?? 0));
  return sumsOf({
    attempts: total((row) => row.attempts),
    delivered: total((row) => row.delivered),
    dead: total((row) => row.dead),
    retried: total((row) => row.retried),
    attempt: slots((row) => row.attempt),
    start: slots((row) => row.start),
  });
}

function sumsOf({ attempts, delivered, retried, dead, attempt, start }: Sums) {
  return {
    attempts,
    delivered,
    retried,
    dead,
    attempt_latency: latencyOf(attempt),
    start_latency: latencyOf(start),
  };
}

function pointOf(row: StatsRow) {
  const sums = sumsOf(row);
  const withoutCounts = (latency: ReturnType<typeof latencyOf>) => {
    if (!latency) return null;
    const { counts: _, ...percentiles } = latency;
    return percentiles;
  };
  return {
    at: row.at.toISOString(),
    ...sums,
    attempt_latency: withoutCounts(sums.attempt_latency),
    start_latency: withoutCounts(sums.start_latency),
  };
}

function latencyOf(counts: Histogram) {
  if (counts.every((count) => count === 0)) return null;
  return {
    p50_ms: percentile(counts, 0.5),
    p95_ms: percentile(counts, 0.95),
    p99_ms: percentile(counts, 0.99),
    counts,
  };
}
