// What can be asked of statistics: of the whole tenant, of a webhook, of a page of webhooks.
import { LATENCY_BOUNDS_MS, LATENCY_ERROR, type Histogram } from "../kernel/latency.ts";
import { rawList } from "../kernel/raw-json.ts";
import { countLatencies, noLatencies } from "../queue/latency.ts";
import {
  readNow,
  readStats,
  readSums,
  WHOLE_TENANT,
  type StatsRow,
  type StatsSpan,
} from "../store/stats.ts";
import { tellTenant } from "../store/reach.ts";
import type { TenantStore } from "../store/tenant.ts";
import { findWebhookIds } from "../store/webhooks.ts";
import { notFound as webhookNotFound } from "../webhooks/operations.ts";
import { chooseBuckets } from "./buckets.ts";
import { latencyOf, percentilesOf } from "./percentiles.ts";
import type {
  OverviewInput,
  Stats,
  StatsPoint,
  WebhookInput,
  WebhooksInput,
  WebhooksStats,
  WebhookStats,
} from "./schema.ts";

export type StatsContext = { store: TenantStore };

/** What became of all deliveries of the tenant, or of all tenants; those to webhooks that are deleted since too. */
export async function overview({ store }: StatsContext, input: OverviewInput): Promise<Stats> {
  const span = chooseBuckets(input, await timeOf(store));
  const { tenant, reach } = store;
  const whose = (reach.webhooks ?? [WHOLE_TENANT]).map((webhook_id) => ({ tenant, webhook_id }));
  return statsOf(span, await readSums(store.db, whose, span));
}

/** What became of one webhook's deliveries. */
export async function webhook({ store }: StatsContext, input: WebhookInput): Promise<WebhookStats> {
  const { id, ...wanted } = input;
  const found = (await findWebhookIds(store.db, store.reach, [id])).get(id);
  if (!found) throw webhookNotFound(id);
  const span = chooseBuckets(wanted, await timeOf(store));
  const rows = await readStats(store.db, [found], span);
  return { ...tellTenant(store.reach, found), ...statsOf(span, rows) };
}

/** The same of many webhooks, in the order of their ids as given; what is not there is left out. */
export async function webhooks(
  { store }: StatsContext,
  input: WebhooksInput,
): Promise<WebhooksStats> {
  const { ids, ...wanted } = input;
  const unique = [...new Set(ids)];
  const span = chooseBuckets(wanted, await timeOf(store), unique.length);
  const found = await findWebhookIds(store.db, store.reach, unique);
  const rows = new Map<number, StatsRow[]>();
  for (const row of await readStats(store.db, [...found.values()], span)) {
    const own = rows.get(row.webhook_id);
    if (own) own.push(row);
    else rows.set(row.webhook_id, [row]);
  }
  const times = new Map<number, string>();
  return {
    ...frameOf(span),
    data: unique.flatMap((id) => {
      const its = found.get(id);
      if (!its) return [];
      const own = rows.get(its.webhook_id) ?? [];
      return [
        {
          id,
          ...tellTenant(store.reach, its),
          totals: totalsOf(own),
          buckets: rawList<StatsPoint>(own.map((row) => printPoint(row, times))),
        },
      ];
    }),
  };
}

async function timeOf({ db, room }: TenantStore): Promise<Date> {
  const now = await readNow(db);
  return room.whole?.asOf(now) ?? now;
}

function statsOf(span: StatsSpan, rows: readonly StatsRow[]): Stats {
  return {
    ...frameOf(span),
    totals: totalsOf(rows),
    buckets: rows.map((row) => ({ at: new Date(row.at_ms).toISOString(), ...sumsOf(row) })),
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

type Sums = Omit<StatsRow, "webhook_id" | "at_ms">;

function totalsOf(rows: readonly Sums[]) {
  const total = { attempts: 0, delivered: 0, retried: 0, dead: 0 };
  for (const row of rows) {
    total.attempts += row.attempts;
    total.delivered += row.delivered;
    total.retried += row.retried;
    total.dead += row.dead;
  }
  const measured = rows.map(({ latencies }) => latencies).filter((latencies) => latencies !== "");
  return sumsOf({ ...total, latencies: measured.join(",") });
}

function sumsOf({ attempts, delivered, retried, dead, latencies }: Sums) {
  const { attempt, start } = countLatencies(latencies);
  return {
    attempts,
    delivered,
    retried,
    dead,
    attempt_latency: latencyOf(attempt),
    start_latency: latencyOf(start),
  };
}

// Of a page of webhooks there are thousands: as objects, judged and printed with the answer, they took more than all the rest. So each
// is printed at once, each time once, and all are counted in one place.
const counted = noLatencies();
function printPoint(row: StatsRow, times: Map<number, string>): string {
  const { attempt, start } = countLatencies(row.latencies, counted);
  let at = times.get(row.at_ms);
  if (at === undefined) times.set(row.at_ms, (at = new Date(row.at_ms).toISOString()));
  const { attempts, delivered, retried, dead } = row;
  return (
    `{"at":"${at}","attempts":${attempts},"delivered":${delivered},"retried":${retried},"dead":${dead},` +
    `"attempt_latency":${printPercentiles(attempt)},"start_latency":${printPercentiles(start)}}`
  );
}

function printPercentiles(histogram: Histogram): string {
  const of = percentilesOf(histogram);
  return of ? `{"p50_ms":${of.p50_ms},"p95_ms":${of.p95_ms},"p99_ms":${of.p99_ms}}` : "null";
}
