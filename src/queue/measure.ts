// What the database tells of itself as a whole, cheap whatever it holds: by indexes and statistics, and counted so far only.
import type pg from "pg";

import { CANCEL_REASONS, type CancelReason } from "../kernel/reasons.ts";

/** What is counted row by row; beyond it stands what PostgreSQL last estimated, a minute ago or so. 10,000 take a millisecond or two. */
const COUNTED_MAX = 10_000;

// Looked at for what is due, in the order of their ids: ten thousand take 50 ms.
const WEBHOOKS_MAX = 10_000;

// Looked at for the oldest event that waits to be forwarded, each by its first one: as many as a forwarder takes up in one look.
const TENANTS_MAX = 1_000;

/** What the database counts itself, since no process sees all of it. */
export type Tallies = { publishedBySql: number; cancelled: Record<CancelReason, number> };

/** What the backlog's states are called, by their numbers in the table. */
export const BACKLOG_STATES = ["ready", "waiting", "parked", "queued"] as const;
const INDEXES = ["deliveries_ready", "deliveries_waiting", "deliveries_held", "deliveries_queued"];

export type Measured = {
  backlog: Record<(typeof BACKLOG_STATES)[number], number>;
  /** For how long the oldest that could go now has been due; 0 where nothing is. */
  oldestDueS: number;
  webhooks: Record<"ok" | "failing" | "disabled", number>;
  paused: number;
  /** Events that were published in this database, of tenants that live in another. */
  forwards: { waiting: number; setAside: number; oldestS: number };
  /** How long the oldest transaction of this database has been open, of those whose beginning may be known. */
  oldestTransactionS: number;
  tallies: Tallies;
};

/** Counts so many rows; more are what PostgreSQL last estimated of the index. */
const counted = (rows: string, index: string) => `(
  select case when count(*) < ${COUNTED_MAX} then count(*)::float8
    else greatest(count(*)::float8, (select reltuples from pg_catalog.pg_class where oid = 'posthorn.${index}'::regclass)) end
  from (${rows} limit ${COUNTED_MAX}) as counted
)`;

const LIVE = "status = 'Subscribed' and deleted_at is null";

// Not what waits for a rate, an order or its webhook: that is no delay of ours. What waits for its retry is, once that is due.
const OLDEST_DUE = `
with recursive scan as (
  (
    select d.webhook_id, 1 as turn from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 order by d.webhook_id limit 1
  )
  union all
  select following.webhook_id, scan.turn + 1
  from scan cross join lateral (
    select d.webhook_id from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id > scan.webhook_id order by d.webhook_id limit 1
  ) as following
  where scan.turn < ${WEBHOOKS_MAX}
),
due as (
  select row.due_at
  from scan
  cross join lateral (
    select from posthorn.webhooks as w
    where w.webhook_id = scan.webhook_id and ${LIVE} and not w.paused and w.health <> 'disabled' and w.rate_limit_per_s is null
    offset 0
  ) as w
  cross join lateral (
    select d.due_at from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id = scan.webhook_id
      and (d.locked_until is null or d.locked_until < now())
    order by d.due_at, d.id limit 1
  ) as row
  union all
  (select due_at from posthorn.deliveries where bucket = 0 and state = 1 order by due_at, id limit 1)
)`;

// Ids rise with time: a tenant's first is its oldest.
const OLDEST_FORWARDS = `
waiting as (
  (
    select f.tenant, f.created_at, 1 as turn from posthorn.forwards as f
    where f.set_aside_at is null order by f.tenant, f.id limit 1
  )
  union all
  select following.tenant, following.created_at, waiting.turn + 1
  from waiting cross join lateral (
    select f.tenant, f.created_at from posthorn.forwards as f
    where f.set_aside_at is null and f.tenant > waiting.tenant order by f.tenant, f.id limit 1
  ) as following
  where waiting.turn < ${TENANTS_MAX}
)`;

const MEASURE = `${OLDEST_DUE},${OLDEST_FORWARDS}
select ${INDEXES.map((index, state) => `${counted(`select from posthorn.deliveries where bucket = 0 and state = ${state}`, index)} as ${BACKLOG_STATES[state]}`).join(",\n  ")},
  greatest(0, extract(epoch from now() - (select min(due_at) from due)))::float8 as oldest_due_s,
  ${counted(`select from posthorn.webhooks where ${LIVE}`, "webhooks_list")} as webhooks,
  ${counted(`select from posthorn.webhooks where (health <> announced_health or health = 'failing') and health = 'failing' and ${LIVE}`, "webhooks_to_announce")} as failing,
  ${counted(`select from posthorn.webhooks where (paused or health = 'disabled') and health = 'disabled' and ${LIVE}`, "webhooks_resting")} as disabled,
  ${counted(`select from posthorn.webhooks where (paused or health = 'disabled') and paused and ${LIVE}`, "webhooks_resting")} as paused,
  ${counted("select from posthorn.forwards where set_aside_at is null", "forwards_waiting")} as forwards_waiting,
  ${counted("select from posthorn.forwards where set_aside_at is not null", "forwards_set_aside")} as forwards_set_aside,
  greatest(0, extract(epoch from now() - (select min(created_at) from waiting)))::float8 as oldest_forward_s,
  greatest(0, extract(epoch from now() - (
    select min(since) from (
      select xact_start as since from pg_catalog.pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and backend_type is distinct from 'autovacuum worker'
      union all
      select prepared from pg_catalog.pg_prepared_xacts where database = current_database()
    ) as open
  )))::float8 as oldest_transaction_s`;

type Row = Record<(typeof BACKLOG_STATES)[number], number> & {
  oldest_due_s: number | null;
  webhooks: number;
  failing: number;
  disabled: number;
  paused: number;
  forwards_waiting: number;
  forwards_set_aside: number;
  oldest_forward_s: number | null;
  oldest_transaction_s: number | null;
};

// As a worker's sessions are pinned (database/connect.ts), whichever session this is.
const PIN = ["seqscan", "bitmapscan", "hashjoin", "mergejoin", "sort"]
  .map((way) => `set local enable_${way} = off;`)
  .concat("set local jit = off")
  .join(" ");

/** Measures; within a transaction, whose plans it pins. */
export async function measure(client: pg.PoolClient): Promise<Measured> {
  // Statistics taken while the queue is empty would have all of a million rows read.
  await client.query(PIN);
  const { rows } = await client.query<Row>({ name: "measure", text: MEASURE });
  const [row] = rows;
  if (!row) throw new Error("a select of one row without a row");
  const { ready, waiting, parked, queued, webhooks, failing, disabled, paused } = row;
  return {
    backlog: { ready, waiting, parked, queued },
    oldestDueS: row.oldest_due_s ?? 0,
    webhooks: { ok: Math.max(0, webhooks - failing - disabled), failing, disabled },
    paused,
    forwards: {
      waiting: row.forwards_waiting,
      setAside: row.forwards_set_aside,
      oldestS: row.oldest_forward_s ?? 0,
    },
    oldestTransactionS: row.oldest_transaction_s ?? 0,
    tallies: await readTallies(client),
  };
}

async function readTallies(client: pg.PoolClient): Promise<Tallies> {
  const { rows } = await client.query<{ name: string; count: number }>(
    "select name, count from posthorn.tallies()",
  );
  const counts = new Map(rows.map(({ name, count }) => [name, count]));
  const cancelled = CANCEL_REASONS.map(
    (reason) => [reason, counts.get(`cancelled_${reason}`) ?? 0] as const,
  );
  return {
    publishedBySql: counts.get("published_by_sql") ?? 0,
    cancelled: Object.fromEntries(cancelled) as Tallies["cancelled"],
  };
}
