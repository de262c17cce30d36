// The fold: what the settles have appended is added up, into each webhook's totals and into statistics by time.
import type pg from "pg";

import { LOCK } from "../database/locks.ts";
import { SLOTS } from "./latency.ts";
import { FACTS, type HealthFacts } from "./health.ts";

/** Deltas of one fold: the more, the fewer rows are written, and the longer the one that folds keeps others out. */
export const FOLD_ROWS_MAX = 5_000;

// One worker at a time: the sums of a tenant are one row, which two would wait for. By the day's begin: what is older than any
// day that surely has its partition is counted there, as what ended before the database went away for days.
const TAKEN = `
with turn as materialized (
  select from posthorn.locks where slot = ${LOCK.fold} for update skip locked
),
taken as (
  delete from posthorn.counter_deltas where ctid = any (array(
    select d.ctid from turn cross join posthorn.counter_deltas as d where d.bucket = 0 limit $1 for update of d skip locked
  ))
  returning *, least(now(), greatest(minute, date_trunc('day', now(), 'UTC') - interval '1 day')) as at
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

// Each slot of a latency is a part of its own until it is counted; then all are one row, by webhook and of the tenant, by
// minute and by hour. Grouped rather than joined: the plans are pinned.
const STATISTICS = `
parts as (
  select tenant, webhook_id, at, null::integer as slot, sum(attempts) as attempts, sum(delivered) as delivered,
    sum(dead) as dead, sum(retried) as retried, 0 as times
  from taken group by tenant, webhook_id, at
  union all
  select tenant, webhook_id, at, slot, 0, 0, 0, 0, count(*)
  from taken cross join unnest(latencies) as slot group by tenant, webhook_id, at, slot
),
levels as (
  select tenant, coalesce(webhook_id, 0) as webhook_id, minute, hour, slot, sum(attempts) as attempts,
    sum(delivered) as delivered, sum(dead) as dead, sum(retried) as retried, sum(times) as times
  from (select *, date_trunc('minute', at) as minute, date_trunc('hour', at) as hour from parts) as timed
  group by grouping sets (
    (tenant, webhook_id, minute, slot), (tenant, minute, slot), (tenant, webhook_id, hour, slot), (tenant, hour, slot)
  )
),
added as materialized (
  select tenant, webhook_id, minute, hour, sum(attempts)::bigint as attempts, sum(delivered)::bigint as delivered,
    sum(dead)::bigint as dead, sum(retried)::bigint as retried,
    coalesce(array_agg(times::bigint * ${SLOTS} + slot) filter (where slot is not null), '{}') as latencies
  from levels group by tenant, webhook_id, minute, hour
),
${into("minutes", "minute")},
${into("hours", "hour")}`;

function into(name: string, unit: string): string {
  return `
${name} as (
  insert into posthorn.stats_${name} as s (tenant, webhook_id, at, attempts, delivered, dead, retried, latencies)
  select tenant, webhook_id, ${unit}, attempts, delivered, dead, retried, latencies
  from added where ${unit} is not null
  on conflict (bucket, tenant, webhook_id, at) do update set
    attempts = s.attempts + excluded.attempts,
    delivered = s.delivered + excluded.delivered,
    dead = s.dead + excluded.dead,
    retried = s.retried + excluded.retried,
    latencies = array(
      select (sum(each / ${SLOTS}) * ${SLOTS} + each % ${SLOTS})::bigint from unnest(s.latencies || excluded.latencies) as each group by each % ${SLOTS}
    )
)`;
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
