// Lets go of the days that are past their retention: whole partitions, so that nothing is deleted row by row.
import type pg from "pg";

import { LOCK, tryHold } from "../database/locks.ts";
import { attachSql, PARTITION_DAYS_AHEAD, type PartitionedTable } from "../database/partitions.ts";
import { withSession, type Session } from "../database/session.ts";
import { DAY, SECOND } from "../kernel/duration.ts";
import { databaseError } from "../kernel/faults.ts";
import { lowestUuidAt } from "../kernel/ids.ts";
import type { Log } from "../kernel/log.ts";
import { isNeeded, type DayOfTable } from "./needed-days.ts";

/** Whatever holds a lock for longer is a stranger's open transaction: the next run tries again. */
const LOCK_WAIT_MS = 2 * SECOND;

// A plain detach makes every publisher wait behind it for as long as it waits itself.
const PLAIN_LOCK_WAIT_MS = 50;

const STATEMENT_MAX_MS = 60 * SECOND;
const SILENCE_MAX_MS = STATEMENT_MAX_MS + 5 * SECOND; // the server's own limit has passed, and nothing came of it

// Finished deliveries first: an event stays for as long as a delivery can be read that points to it.
const TABLES: readonly PartitionedTable[] = [
  "attempts",
  "finished_deliveries",
  "event_payloads",
  "events",
  "stats_minutes",
  "stats_hours",
];
type Table = PartitionedTable;

/** For how long there are statistics by the minute; from then on by the hour. */
export const STATS_MINUTES_D = 2;

export type RetentionOptions = {
  pool: pg.Pool;
  retentionD: number;
  payloadRetentionD: number;
  log: Log;
  /** Ends the run, in the middle of a statement too: what that leaves behind, the next run finishes. */
  signal?: AbortSignal;
};

/** What a run did: the partitions that are gone, and those that somebody's open transaction kept. */
export type Retired = { dropped: string[]; postponed: string[] };

type Partition = DayOfTable & {
  name: string;
  day: Date;
  state: "attached" | "detaching" | "detached";
  isPast: boolean;
  isMarked: boolean;
};

// Told apart by it from what an operator has detached to keep: that is left alone.
const MARK = "past its retention";

/**
 * Drops the partitions whose whole day is past its retention, but those that something pending still needs. Safe when any
 * number of processes do so at once. It keeps one connection of the pool to itself, and closes it at the end: a concurrent
 * detach can't be in a transaction, and the lock is the session's. Throws what PostgreSQL answers where the role may not (42501).
 */
export async function retirePartitions(options: RetentionOptions): Promise<Retired> {
  const { pool, signal = new AbortController().signal } = options;
  return withSession(pool, { signal, silenceMaxMs: SILENCE_MAX_MS }, async (session) => {
    await session.query(`set statement_timeout = ${STATEMENT_MAX_MS}`);
    await session.query(`set lock_timeout = ${LOCK_WAIT_MS}`);
    const isAlone = await tryHold(session, LOCK.retention);
    return isAlone ? await retire(session, options) : { dropped: [], postponed: [] };
  });
}

async function retire(client: Session, options: RetentionOptions): Promise<Retired> {
  const retired: Retired = { dropped: [], postponed: [] };
  const waiting = new Set<Table>(); // one detach at a time: what comes behind one that has to wait is refused
  for (const partition of await listPastRetention(client, options)) {
    if (waiting.has(partition.table)) continue;
    try {
      if (await retireOne(client, partition)) retired.dropped.push(partition.name);
    } catch (err) {
      if (databaseError(err)?.code !== LOCK_NOT_AVAILABLE) throw err;
      waiting.add(partition.table);
      retired.postponed.push(partition.name);
    }
  }
  const { dropped, postponed } = retired;
  if (dropped.length > 0) options.log.info({ dropped }, "days past their retention are gone");
  if (postponed.length > 0)
    options.log.info({ postponed }, "an open transaction keeps days past their retention");
  return retired;
}

const LOCK_NOT_AVAILABLE = "55P03";
const NOT_SUPPORTED = "0A000";

// A detach that was interrupted blocks every other of its table until it is finished: those come first.
async function listPastRetention(
  client: Session,
  { retentionD, payloadRetentionD }: RetentionOptions,
): Promise<Partition[]> {
  const { rows } = await client.query<{
    now: Date;
    table: Table;
    day: string;
    name: string;
    state: Partition["state"];
    is_marked: boolean;
  }>(
    `select now() as now, m[1] as table, m[2] as day, c.relname as name,
       case when i.inhrelid is null then 'detached' when i.inhdetachpending then 'detaching' else 'attached' end as state,
       coalesce(pg_catalog.obj_description(c.oid, 'pg_class') = '${MARK}', false) as is_marked
     from pg_catalog.pg_class as c
     join pg_catalog.pg_namespace as n on n.oid = c.relnamespace and n.nspname = 'posthorn'
     cross join lateral regexp_match(c.relname, '^(' || array_to_string($1::text[], '|') || ')_p(\\d{8})$') as m
     left join pg_catalog.pg_inherits as i on i.inhrelid = c.oid
     where c.relkind = 'r' and m is not null
     order by i.inhdetachpending desc nulls last, array_position($1::text[], m[1]), m[2]`,
    [TABLES],
  );
  return rows.flatMap(({ now, table, day, name, state, is_marked: isMarked }) => {
    const from = new Date(day.replace(/(....)(..)(..)/, "$1-$2-$3T00:00:00Z"));
    const to = new Date(from.getTime() + DAY);
    const own = { event_payloads: payloadRetentionD, stats_minutes: STATS_MINUTES_D };
    const days = table in own ? own[table as keyof typeof own] : retentionD;
    const isPast = to.getTime() <= now.getTime() - days * DAY;
    const end = new Date(now.getTime() + (PARTITION_DAYS_AHEAD + 2) * DAY);
    const span = {
      day: from,
      from: lowestUuidAt(from),
      to: lowestUuidAt(to),
      end: lowestUuidAt(end),
    };
    const isOurs = state === "detaching" || isMarked || (state === "attached" && isPast);
    return isOurs ? [{ table, name, state, isPast, isMarked, ...span }] : [];
  });
}

// Answers whether it is gone.
async function retireOne(client: Session, partition: Partition): Promise<boolean> {
  const { table, name, state, isPast } = partition;
  if (state === "attached") {
    if (!isPast || (await isNeeded(client, partition))) {
      if (partition.isMarked) await unmark(client, name); // by a run that was cut off
      return false;
    }
    await client.query(`comment on table posthorn.${name} is '${MARK}'`);
    try {
      await detach(client, partition);
    } catch (err) {
      if (databaseError(err) && (await isAttached(client, name))) await unmark(client, name);
      throw err;
    }
  }
  if (state === "detaching") {
    await client.query(`alter table posthorn.${table} detach partition posthorn.${name} finalize`);
    if (!partition.isMarked) return false;
  }
  // What was committed before the detach ended is seen only now: a retry, perhaps, of an event of that day.
  if (isPast && !(await isNeeded(client, partition))) {
    await client.query(`drop table posthorn.${name}`);
    return true;
  }
  await attach(client, partition);
  return false;
}

// An erasure meanwhile did not find what this day holds: whatever was erased since the day ended is looked at again. All
// or nothing: statements sent together are one transaction.
async function attach(client: Session, { table, name, day, to }: Partition): Promise<void> {
  await client.query(
    `${attachSql(table, name, day)};
     comment on table posthorn.${name} is null;
     update posthorn.erasures set look_at = now()
     where event_id < '${to}' and posthorn.lowest_uuid_at(erased_at) >= '${to}'`,
  );
}

// A mark that stayed on an attached day would have it dropped when an operator detaches it to keep it.
async function unmark(client: Session, name: string): Promise<void> {
  await client.query(`comment on table posthorn.${name} is null`);
}

// Says whether it is attached, and no detach of it has begun.
async function isAttached(client: Session, name: string): Promise<boolean> {
  const { rowCount } = await client.query(
    "select from pg_catalog.pg_inherits where inhrelid = $1::regclass and not inhdetachpending",
    [`posthorn.${name}`],
  );
  return rowCount === 1;
}

async function detach(client: Session, { table, name }: Partition): Promise<void> {
  const statement = `alter table posthorn.${table} detach partition posthorn.${name}`;
  try {
    await client.query(`${statement} concurrently`);
  } catch (err) {
    if (databaseError(err)?.code !== NOT_SUPPORTED) throw err;
    await client.query(`set lock_timeout = ${PLAIN_LOCK_WAIT_MS}`);
    try {
      await client.query(statement);
    } finally {
      await client.query(`set lock_timeout = ${LOCK_WAIT_MS}`);
    }
  }
}
