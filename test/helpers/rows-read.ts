// How many rows a session's statements have read, by the server's own count: what a plan costs, whatever the machine.
import type pg from "pg";

/** What has been read so far of the tables whose names match; over the one session of a pool. */
export async function rowsRead(pool: pg.Pool, tables: RegExp): Promise<number> {
  await pool.query("select pg_stat_force_next_flush()");
  const { rows } = await pool.query<{ read: number | null }>(
    `select sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)::integer as read from pg_stat_user_tables
     where schemaname = 'posthorn' and relname ~ $1`,
    [tables.source],
  );
  return rows[0]?.read ?? Number.NaN;
}
