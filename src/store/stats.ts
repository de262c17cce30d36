// Statistics as they are read: rows by the minute or by the hour that the fold has written, added up to buckets of time.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsForth } from "../database/days.ts";
import { DAY, HOUR, MINUTE, SECOND } from "../kernel/duration.ts";
import { lowestUuidAt, timeOfUuid } from "../kernel/ids.ts";
import { STATS_MINUTES_D } from "../queue/retention.ts";
import { BUCKET } from "./tenant.ts";
import type { OwnIds } from "./webhooks.ts";

/** Under which the sum over all webhooks of a tenant is kept, those deleted too; that of all tenants is the tenant `*`'s. */
export const WHOLE_TENANT = 0;

/** For how long what is shorter than an hour can be told apart. */
export const MINUTES_KEPT_MS = STATS_MINUTES_D * DAY;

/** What ended in a bucket of time, of a webhook or of the whole tenant. */
export type StatsRow = {
  webhook_id: number;
  /** When the bucket begins, in ms since 1970. */
  at_ms: number;
  attempts: number;
  delivered: number;
  dead: number;
  retried: number;
  /** See countLatencies. */
  latencies: string;
};

/** Whole buckets of `bucketS` seconds: `since` included, `until` not. */
export type StatsSpan = { since: Date; until: Date; bucketS: number };

/** The time by the one clock that all processes share. */
export async function readNow(db: Db): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now() as now`.execute(db);
  if (!rows[0]) throw new Error("the database's clock answered nothing");
  return rows[0].now;
}

/** When the hour begins in which the last 24 hours did. */
export function startOfRecent(now: Date): Date {
  return new Date(Math.floor((now.getTime() - DAY) / HOUR) * HOUR);
}

/** The buckets in which something ended, by webhook and time. */
export async function readStats(
  db: Db,
  webhooks: readonly OwnIds[],
  span: StatsSpan,
): Promise<StatsRow[]> {
  const rows: StatsRow[] = [];
  for (const part of daysOf(span)) {
    const ofPart = await readPart(db, webhooks, { ...part, bucketS: span.bucketS });
    rows.push(...ofPart);
  }
  return rows;
}

/** The sums of these webhooks' buckets, by time. */
export async function readSums(
  db: Db,
  webhooks: readonly OwnIds[],
  span: StatsSpan,
): Promise<StatsRow[]> {
  const sums = new Map<number, StatsRow>();
  for (const row of await readStats(db, webhooks, span)) {
    const sum = sums.get(row.at_ms);
    sums.set(row.at_ms, sum ? added(sum, row) : row);
  }
  return [...sums.values()].sort((a, b) => a.at_ms - b.at_ms);
}

function added(a: StatsRow, b: StatsRow): StatsRow {
  return {
    ...a,
    attempts: a.attempts + b.attempts,
    delivered: a.delivered + b.delivered,
    dead: a.dead + b.dead,
    retried: a.retried + b.retried,
    latencies: [a.latencies, b.latencies].filter((text) => text !== "").join(","),
  };
}

// A bucket is at most a day, and parts are whole days: none is in two parts.
async function readPart(
  db: Db,
  webhooks: readonly OwnIds[],
  { since, until, bucketS }: StatsSpan,
): Promise<StatsRow[]> {
  const isOfHours = bucketS * SECOND >= HOUR;
  const unitS = (isOfHours ? HOUR : MINUTE) / SECOND;
  const tenants = webhooks.map(({ tenant }) => tenant);
  const ids = webhooks.map(({ webhook_id }) => webhook_id);
  // Each by the index (offset 0), whatever the planner takes a day that is not analyzed for: it would read all of it.
  const rows = sql`from unnest(${tenants}::text[], ${ids}::bigint[]) as asked (tenant, webhook_id)
    cross join lateral (
      select at, attempts, delivered, dead, retried, latencies
      from ${sql.table(`posthorn.stats_${isOfHours ? "hours" : "minutes"}`)} as s
      where s.bucket = ${BUCKET} and s.tenant = asked.tenant and s.webhook_id = asked.webhook_id
        and s.at >= ${since} and s.at < ${until} offset 0
    ) as ended`;
  const list = sql`array_to_string(latencies, ',')`;
  const seconds = sql`date_part('epoch', at)::bigint`;
  // A bucket of one row is not added up, which took as long as all the rest.
  const { rows: read } = await (
    bucketS === unitS
      ? sql<StatsRow>`
        select webhook_id, ${seconds} * ${SECOND}::bigint as at_ms, attempts, delivered, dead, retried, ${list} as latencies
        ${rows} order by webhook_id, at`
      : sql<StatsRow>`
        select webhook_id, ${seconds} / ${bucketS}::integer * ${bucketS * SECOND}::bigint as at_ms,
          sum(attempts)::bigint as attempts, sum(delivered)::bigint as delivered, sum(dead)::bigint as dead,
          sum(retried)::bigint as retried, coalesce(string_agg(nullif(${list}, ''), ','), '') as latencies
        ${rows} group by 1, 2 order by 1, 2`
  ).execute(db);
  return read;
}

function daysOf({ since, until }: StatsSpan): { since: Date; until: Date }[] {
  const ids = { from: lowestUuidAt(since), until: lowestUuidAt(until) };
  return partsForth(ids).map((part) => ({
    since: timeOfUuid(part.from),
    until: timeOfUuid(part.until),
  }));
}
