// What can be seen of a database by looking: for who asks whether all is well. Changes nothing.
import type pg from "pg";

/** A database as a role sees it. */
export type Examined = {
  server: string;
  role: string;
  /** By the database's clock, read between the moments that the caller takes. */
  now: Date;
  schema_is_made: boolean;
  owner: string | null;
  is_owner: boolean;
  /** Tables of ours that the role may not use as a service does. */
  closed_tables: string[];
  sessions: number;
  our_sessions: number;
  sessions_max: number;
};

/** Reads it all in one statement. */
export async function examine(pool: pg.Pool): Promise<Examined> {
  const { rows } = await pool.query<Examined>(`
    select current_setting('server_version') as server, current_user::text as role, clock_timestamp() as now,
      to_regclass('posthorn.settings') is not null as schema_is_made,
      (select pg_get_userbyid(nspowner)::text from pg_catalog.pg_namespace where nspname = 'posthorn') as owner,
      coalesce((
        select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = 'posthorn'
      ), false) as is_owner,
      coalesce((
        select array_agg(relname::text order by relname) from pg_catalog.pg_class
        where relnamespace = to_regnamespace('posthorn') and relkind in ('r', 'p') and not relispartition and relname <> 'migrations'
          and not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
            and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))
      ), '{}') as closed_tables,
      (select count(*) from pg_catalog.pg_stat_activity where backend_type = 'client backend')::integer as sessions,
      (
        select count(*) from pg_catalog.pg_stat_activity
        where application_name like 'posthorn %' and pid <> pg_backend_pid()
      )::integer as our_sessions,
      current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        as sessions_max`);
  const [found] = rows;
  if (!found) throw new Error("the catalogue answered nothing");
  return found;
}
