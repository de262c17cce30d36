// Room in the server's table of locks, which all its databases share.
import type pg from "pg";

import { PARTITION_DAYS_AHEAD } from "./partitions.ts";

// At once: a backup, which locks every table, and a user's query on a view that names no days. The service's own statements
// name theirs.
const READERS_OF_ALL = 2;

/** Where the table is too small: what `max_locks_per_transaction` is, and what it has to be. */
export type LockShortage = { setting: number; needed: number };

/** Tells whether the table of locks has room for those who read all days at once, at so many days of retention. */
export async function findLockShortage(
  pool: pg.Pool,
  retentionD: number,
): Promise<LockShortage | undefined> {
  const { rows } = await pool.query<{ setting: number; sessions: number; per_day: number }>(
    `select current_setting('max_locks_per_transaction')::integer as setting,
       current_setting('max_connections')::integer + current_setting('max_prepared_transactions')::integer as sessions,
       (count(distinct t.oid) + count(i.indexrelid))::integer as per_day
     from pg_catalog.pg_class as t left join pg_catalog.pg_index as i on i.indrelid = t.oid
     where t.relnamespace = to_regnamespace('posthorn') and t.relkind = 'p'`,
  );
  const [row] = rows;
  if (!row) throw new Error("an aggregate without a row");
  const days = retentionD + PARTITION_DAYS_AHEAD + 2; // today, and yesterday's
  const needed = Math.ceil((READERS_OF_ALL * row.per_day * days) / row.sessions);
  return needed > row.setting ? { setting: row.setting, needed } : undefined;
}
