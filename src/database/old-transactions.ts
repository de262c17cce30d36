// Transactions that have been open for long: while one is, the database keeps every row version that it might still see.
import type pg from "pg";

/** A transaction that holds cleaning back, or a standby that does so by its feedback. */
export type OpenTransaction = {
  /** Of the session; null for a prepared transaction, which has none. */
  pid: number | null;
  /** Of a prepared transaction. */
  gid: string | null;
  /** The transaction that is held on to: the same for as long as nothing can be cleaned. */
  xid: string;
  role: string;
  application: string | null;
  state: string | null;
  /** Null where the session is another role's, and ours is no member of pg_read_all_stats. */
  since: Date | null;
  age_s: number | null;
};

const LOOKED_AT_MAX = 100; // sessions are a few hundred at most, and the oldest are what counts

/** The transactions of this database that have been open for more than `ageS` seconds, or for nobody may say how long. */
export async function findOpenTransactions(
  pool: pg.Pool,
  ageS: number,
): Promise<OpenTransaction[]> {
  const { rows } = await pool.query<OpenTransaction>({
    name: "open transactions",
    text: `
      select *, extract(epoch from clock_timestamp() - since)::integer as age_s from (
        select pid, null::text as gid, coalesce(backend_xid, backend_xmin)::text as xid, usename::text as role,
          application_name as application, state, xact_start as since
        from pg_catalog.pg_stat_activity
        where (datname = current_database() or datname is null) and (backend_xid is not null or backend_xmin is not null)
          and pid <> pg_backend_pid() and usename is not null -- of no role are the server's own, as autovacuum
        union all
        select null, gid, transaction::text, owner::text, null, 'prepared', prepared
        from pg_catalog.pg_prepared_xacts where database = current_database()
      ) as open
      where since is null or since < clock_timestamp() - $1::integer * interval '1 second'
      order by since nulls last limit ${LOOKED_AT_MAX}`,
    values: [ageS],
  });
  return rows;
}
