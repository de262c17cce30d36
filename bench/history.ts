// What a service has behind it after some weeks: a million finished deliveries, each with its event and its attempt.
import pg from "pg";

import {
  attachSql,
  PARTITIONED,
  partitionSuffix,
  type PartitionedTable,
} from "../src/database/partitions.ts";

const DAYS = 10;
const NEWEST_D = 2; // yesterday has its partitions from the start

/** How many days ago the oldest day of the history ended. */
export const HISTORY_D = NEWEST_D + DAYS - 2;

/**
 * Fills partitions of days past with `count` deliveries of a tenant that were delivered at the first attempt, two days at a time: a
 * session uses one processor.
 */
export async function fillHistory(sql: pg.Client, count: number, tenant = "wide"): Promise<void> {
  const { host, port, database, user } = sql;
  const other = new pg.Client({ host, port, user, ...(database !== undefined && { database }) });
  await other.connect();
  const days = Array.from({ length: DAYS }, (_, n) => NEWEST_D + n);
  const fill = async (session: pg.Client) => {
    await session.query("set maintenance_work_mem = '256MB'"); // for the indexes, which are sorted in there
    for (let day = days.shift(); day !== undefined; day = days.shift()) {
      const values = [day, Math.round(count / DAYS), tenant];
      await makeDay(session, day, (suffix) => session.query(delivered(suffix), values));
    }
  };
  try {
    await Promise.all([sql, other].map(fill));
  } finally {
    await other.end();
  }
  await sql.query("reset maintenance_work_mem");
  await sql.query("vacuum (analyze)"); // by when a history is that old, autovacuum has been there
  await sql.query("checkpoint");
}

/**
 * Makes the partitions of a day that is past, and had none: one is made ahead for yesterday. What `fill` writes into those of a suffix
 * is indexed afterwards, which takes a part of the time.
 */
export async function makeDay(
  sql: pg.Client,
  daysAgo: number,
  fill?: (suffix: string) => Promise<unknown>,
): Promise<void> {
  const { rows } = await sql.query<{ day: Date }>(
    "select date_trunc('day', now(), 'UTC') - $1::integer * interval '1 day' as day",
    [daysAgo],
  );
  const day = rows[0]?.day ?? new Date(0);
  const suffix = partitionSuffix(day);
  const tables = Object.keys(PARTITIONED) as PartitionedTable[];
  for (const table of tables)
    await sql.query(
      `create table posthorn.${table + suffix} (like posthorn.${table} including all excluding indexes)`,
    );
  await fill?.(suffix);
  for (const table of tables) await sql.query(attachSql(table, table + suffix, day));
}

const delivered = (suffix: string) => `
with old as materialized (
  select at, posthorn.uuid_v7(at, 0) as event_id, posthorn.uuid_v7(at, 1) as delivery_id, posthorn.uuid_v7(at, 2) as attempt_id,
    webhook.webhook_id
  from generate_series(1, $2::integer) as n
  cross join lateral (
    select date_trunc('day', now(), 'UTC') - $1::integer * interval '1 day' + n * (interval '14 hours' / $2::integer) as at
  ) as clock
  join (select webhook_id, row_number() over () as place from posthorn.webhooks) as webhook
    on webhook.place = 1 + n % (select count(*) from posthorn.webhooks)
),
event as (
  insert into posthorn.events${suffix} (tenant, id, type, channel, "timestamp", created_at, matched, schema_checked)
  select $3, event_id, 'message.created', null, at, at, 1, true from old
),
payload as (
  insert into posthorn.event_payloads${suffix} (tenant, id, payload)
  select $3, event_id, '{"text":"' || repeat('x', 100) || '"}' from old
),
finished as (
  insert into posthorn.finished_deliveries${suffix}
    (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, last_at, last_status, last_duration_ms, status,
     finished_at)
  select $3, delivery_id, event_id, webhook_id, 1, at, 'publish', 1, at, 200, 5, 'delivered', at from old
)
insert into posthorn.attempts${suffix}
  (id, tenant, delivery_id, webhook_id, webhook_version, number, at, duration_ms, worker, key_version, address, status,
   body_sha256, response_headers, response_body)
select attempt_id, $3, delivery_id, webhook_id, gen_random_uuid(), 1, at, 5, 'a worker', 1, '127.0.0.1', 200,
  sha256(event_id::text::bytea), '{"content-length":"2","content-type":"text/plain"}', 'ok' from old`;
