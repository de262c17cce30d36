// What became of many webhooks' deliveries of late, in one statement: the counts beside a list's rows.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { HOUR } from "../kernel/duration.ts";
import { readNow, startOfRecent } from "./stats.ts";
import { BUCKET } from "./tenant.ts";

const PENDING_COUNT_MAX = 1_000; // of each row of two hundred

export type RecentCounts = {
  delivered: number;
  dead: number;
  retried: number;
  pending: number;
  last_success_at: Date | null;
};

/** By webhook_id: what ended in the last 24 hours, to the whole hour before them, what is pending now, and the last success. */
export async function readRecent(
  db: Db,
  webhooks: readonly { tenant: string; webhook_id: number }[],
): Promise<Map<number, RecentCounts>> {
  const now = await readNow(db);
  const { rows } = await sql<RecentCounts & { webhook_id: number }>`
    select w.webhook_id, ended.*, (
        select count(*) from (
          select from posthorn.deliveries as d
          where d.bucket = ${BUCKET} and d.webhook_id = w.webhook_id and d.webhook_id > 0 limit ${PENDING_COUNT_MAX}
        ) as counted
      )::integer as pending, (
        select max(c.last_success_at) from (
          select last_success_at from posthorn.counters
          where bucket = ${BUCKET} and webhook_id = w.webhook_id
          union all
          select last_success_at from posthorn.counter_deltas
          where bucket = ${BUCKET} and webhook_id = w.webhook_id
        ) as c
      ) as last_success_at
    from unnest(
      ${webhooks.map((row) => row.tenant)}::text[], ${webhooks.map((row) => row.webhook_id)}::bigint[]
    ) as w (tenant, webhook_id)
    cross join lateral (
      select coalesce(sum(s.delivered), 0)::bigint as delivered, coalesce(sum(s.dead), 0)::bigint as dead,
        coalesce(sum(s.retried), 0)::bigint as retried
      from posthorn.stats_hours as s
      where s.bucket = ${BUCKET} and s.tenant = w.tenant and s.webhook_id = w.webhook_id
        and s.at >= ${startOfRecent(now)} and s.at < ${new Date(now.getTime() + HOUR)}
    ) as ended`.execute(db);
  return new Map(rows.map(({ webhook_id, ...counts }) => [webhook_id, counts]));
}
