// The roll of workers: each has the session in its row by which the others know that it lives.
import type pg from "pg";

import { SECOND } from "../kernel/duration.ts";

const SILENCE_MS_MAX = 2 * SECOND; // what is not answered by then leads over a connection that is lost

/** Whose a lease is, and whose leases are free before their time. */
export type Holder = {
  /** The number of the worker that claims; null where nobody could see it die, so that its lease has to run out. */
  worker: number | null;
  /** The sessions that were seen to be gone for good, of which only what is still in the roll counts. */
  dead: readonly string[];
};

/** Nobody's death is known: leases alone decide. */
export const LEASES_ALONE: () => Holder = () => ({ worker: null, dead: [] });

/** A session in the roll that the server does not have any more. */
export type GoneSession = {
  session: string;
  /** Whether the server was the same then: a restart ends all sessions, and says nothing of those who had them. */
  isOfThisServer: boolean;
  /** For how long it is known to be gone, whoever has seen it first; null where nobody has. */
  goneMs: number | null;
};

/**
 * Writes the client's own session down as the worker's. Answers false where others can't see by it that the worker lives:
 * what lies on the way, as a pooler, has given it a server's session that may be another's next.
 */
export async function enterRoll(client: pg.Client, worker: number): Promise<boolean> {
  const { rows } = await ask<{ pid: number }>(
    client,
    `insert into posthorn.workers as w (worker, session, pid, backend_start, server_start)
     select $1, gen_random_uuid(), own.pid, own.backend_start, pg_postmaster_start_time()
     from pg_catalog.pg_stat_activity as own where own.pid = pg_backend_pid()
     on conflict (worker) do update set session = excluded.session, rests = false, gone_at = null, pid = excluded.pid,
       backend_start = excluded.backend_start, server_start = excluded.server_start
     returning w.pid`,
    [worker],
  );
  const { processID } = client as pg.Client & { processID: number | null };
  if (rows[0]?.pid === processID) {
    await ask(client, "listen posthorn", []);
    return true;
  }
  await leaveRoll(client, worker);
  return false;
}

/** Says whether the worker rests: then whoever publishes notifies its session. Answers the transaction that has said so. */
export async function setResting(
  client: pg.Client,
  worker: number,
  rests: boolean,
): Promise<string | undefined> {
  const { rows } = await ask<{ xid: string }>(
    client,
    `update posthorn.workers set rests = $2 where worker = $1
     returning pg_current_xact_id()::text as xid`,
    [worker, rests],
  );
  return rows[0]?.xid;
}

/** Whether every transaction that is open now has begun after that one: none goes by what was before it. */
export async function isOldest(client: pg.Client, xid: string): Promise<boolean> {
  const { rows } = await ask<{ is_oldest: boolean }>(
    client,
    "select pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 as is_oldest",
    [xid],
  );
  return rows[0]?.is_oldest === true;
}

/** The sessions of other workers that are gone. One whose start this role may not see is taken for there. */
export async function listGone(client: pg.Client, worker: number): Promise<GoneSession[]> {
  const { rows } = await ask<GoneSession>(
    client,
    `select w.session, w.server_start = pg_postmaster_start_time() as "isOfThisServer",
       extract(epoch from clock_timestamp() - w.gone_at)::float8 * 1000 as "goneMs"
     from posthorn.workers as w
     where w.worker <> $1 and not exists (
       select from pg_catalog.pg_stat_activity as a
       where a.pid = w.pid and (a.backend_start = w.backend_start) is not false
     )`,
    [worker],
  );
  return rows;
}

/** Writes down that these are gone from now on, so that who looks next, or instead, need not begin to count. */
export async function markGone(client: pg.Client, sessions: readonly string[]): Promise<void> {
  await ask(
    client,
    "update posthorn.workers set gone_at = clock_timestamp() where session = any ($1::uuid[]) and gone_at is null",
    [sessions],
  );
}

/** Strikes out workers that have been gone for longer than any lease. */
export async function strikeOut(client: pg.Client, sessions: readonly string[]): Promise<void> {
  await ask(client, "delete from posthorn.workers where session = any ($1::uuid[])", [sessions]);
}

/** Takes the worker out of the roll, since it holds nothing more. */
export async function leaveRoll(client: pg.Client, worker: number): Promise<void> {
  await ask(client, "delete from posthorn.workers where worker = $1", [worker]);
}

function ask<Row extends pg.QueryResultRow>(client: pg.Client, text: string, values: unknown[]) {
  return client.query<Row>({ text, values, query_timeout: SILENCE_MS_MAX } as pg.QueryConfig);
}
