// Transactions that have been open for long: while one is, the database keeps every row version that it might still see.
import type pg from "pg";

/** A transaction that holds cleaning back. Of another role's sessions only superusers and monitors see these. */
export type OldTransaction = {
  /** Of the session; null for a prepared transaction, which has none. */
  pid: number | null;
  /** Of a prepared transaction. */
  gid: string | null;
  role: string;
  application: string | null;
  state: string;
  since: Date;
  age_s: number;
};

const SHOWN_MAX = 10; // the oldest are what counts

/** The transactions of this database that have been open for more than `ageS` seconds, the oldest first. */
export async function findOldTransactions(pool: pg.Pool, ageS: number): Promise<OldTransaction[]> {
  const { rows } = await pool.query<OldTransaction>({
    name: "old transactions",
    text: `
      select *, extract(epoch from clock_timestamp() - since)::integer as age_s from (
        select pid, null::text as gid, usename::text as role, application_name as application, state, xact_start as since
        from pg_catalog.pg_stat_activity
        where datname = current_database() and (backend_xid is not null or backend_xmin is not null)
          and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
        union all
        select null, gid, owner::text, null, 'prepared', prepared
        from pg_catalog.pg_prepared_xacts where database = current_database()
      ) as open
      where since < clock_timestamp() - $1::integer * interval '1 second'
      order by since limit ${SHOWN_MAX}`,
    values: [ageS],
  });
  return rows;
}
