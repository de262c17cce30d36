// The fold: what the settles have appended is added up, into each webhook's totals and into statistics by time.
import type pg from "pg";

import { LOCK } from "../database/locks.ts";
import { ALL_TENANTS } from "../kernel/fields.ts";
import { SLOTS } from "./latency.ts";
import { FACTS, type HealthFacts } from "./health.ts";

/** Deltas of one fold: the more, the fewer rows are written, and the longer the one that folds keeps others out. */
export const FOLD_ROWS_MAX = 5_000;

// One worker at a time: the sums of a tenant are one row, which two would wait for.
const TAKEN = `
with turn as materialized (
  select from posthorn.locks where slot = ${LOCK.fold} for update skip locked
),
taken as (
  delete from posthorn.counter_deltas where ctid = any (array(
    select d.ctid from turn cross join posthorn.counter_deltas as d where d.bucket = 0 limit $1 for update of d skip locked
  ))
  returning *
)`;

const TOTALS = `
run as (
  select *, max(last_success_at) over (partition by webhook_id) as success_at from taken
),
summed as (
  select webhook_id, sum(delivered) as delivered, sum(dead) as dead, max(last_success_at) as last_success_at,
    max(last_failure_at) as last_failure_at, max(died_at) as died_at,
    -- Failures before the last success are over.
    coalesce(sum(failures) filter (where success_at is null or first_failure_at > success_at), 0) as failures,
    min(first_failure_at) filter (where success_at is null or first_failure_at > success_at) as first_failure_at
  from run group by webhook_id
),
folded as (
  insert into posthorn.counters as c
    (webhook_id, delivered, dead, last_success_at, last_failure_at, failures_in_row, failing_since, died_at)
  select webhook_id, delivered, dead, last_success_at, last_failure_at, failures, first_failure_at, died_at
  from summed order by webhook_id
  on conflict (bucket, webhook_id) do update set
    delivered = c.delivered + excluded.delivered,
    dead = c.dead + excluded.dead,
    last_success_at = greatest(c.last_success_at, excluded.last_success_at),
    last_failure_at = greatest(c.last_failure_at, excluded.last_failure_at),
    failures_in_row = excluded.failures_in_row
      + case when excluded.last_success_at is null then c.failures_in_row else 0 end,
    failing_since = case when excluded.last_success_at is null
      then coalesce(c.failing_since, excluded.failing_since) else excluded.failing_since end,
    died_at = greatest(c.died_at, excluded.died_at)
  returning *
)`;

// What ended before any day that surely has its partition is counted in the first of them, as where the database was away.
// A latency is a row of its own until all are one row again. Nothing is joined: the plans are pinned.
const STATISTICS = `
timed as (
  select tenant, webhook_id, at as minute, date_trunc('hour', at) as hour, attempts, delivered, dead, retried, latencies
  from taken cross join lateral (
    select date_trunc('minute', least(now(), greatest(minute, date_trunc('day', now()) - interval '1 day'))) as at
  ) as clamped
),
parts as materialized (
  select tenant, webhook_id, minute, hour, attempts, delivered, dead, retried, null::bigint as latency from timed
  union all
  select tenant, webhook_id, minute, hour, 0, 0, 0, 0, latency from timed cross join unnest(latencies) as latency
),
${addedTo("stats_minutes", "minute")},
${addedTo("stats_hours", "hour")}`;

// Of a webhook latencies mostly are few, and stay as they are; of a tenant they are counted first, being many. All tenants together
// are one more, so that reading of all costs what reading of one does.
function addedTo(table: string, unit: "minute" | "hour"): string {
  const sums =
    "sum(attempts) as attempts, sum(delivered) as delivered, sum(dead) as dead, sum(retried) as retried";
  return `
${table} as (
  insert into posthorn.${table} as s (tenant, webhook_id, at, attempts, delivered, dead, retried, latencies)
  select tenant, webhook_id, at, attempts, delivered, dead, retried, ${counted("coalesce(latencies, '{}')")}
  from (
    select tenant, webhook_id, ${unit} as at, ${sums}, array_agg(latency) filter (where latency is not null) as latencies
    from parts group by tenant, webhook_id, ${unit}
    union all
    select tenant, 0, at, ${sums}, array_agg(latency + (times - 1) * ${SLOTS}) filter (where latency is not null)
    from (
      select coalesce(tenant, '${ALL_TENANTS}') as tenant, ${unit} as at, latency, ${sums}, count(*) as times
      from parts group by ${unit}, latency, grouping sets ((tenant), ())
    ) as slots
    group by tenant, at
  ) as added
  on conflict (bucket, tenant, webhook_id, at) do update set
    attempts = s.attempts + excluded.attempts,
    delivered = s.delivered + excluded.delivered,
    dead = s.dead + excluded.dead,
    retried = s.retried + excluded.retried,
    latencies = ${counted("(s.latencies || excluded.latencies)")}
)`;
}

// One number for each slot, once there are as many numbers as that takes at most.
function counted(latencies: string): string {
  return `case when cardinality(${latencies}) <= ${SLOTS / 2} then ${latencies} else array(
      select (sum(each / ${SLOTS}) * ${SLOTS} + each % ${SLOTS})::bigint from unnest(${latencies}) as each group by each % ${SLOTS}
    ) end`;
}

/**
 * Folds the deltas into the sums, where no other worker is at it. Answers how many it took, and the facts of the webhooks that
 * they speak of and that are not simply well.
 */
export async function foldDeltas(pool: pg.Pool): Promise<{ taken: number; facts: HealthFacts[] }> {
  const { rows } = await pool.query<{ taken: number } & (HealthFacts | { webhook_id: null })>({
    name: "fold",
    text: `${TAKEN},${TOTALS},${STATISTICS}
      select facts.*, (select count(*) from taken)::integer as taken
      from (select) as always
      left join (
        ${FACTS} from folded as c join posthorn.webhooks as w on w.webhook_id = c.webhook_id
        where c.failures_in_row > 0 or w.health <> 'ok'
      ) as facts on true`,
    values: [FOLD_ROWS_MAX],
  });
  return { taken: rows[0]?.taken ?? 0, facts: rows.filter((row) => row.webhook_id !== null) };
}
