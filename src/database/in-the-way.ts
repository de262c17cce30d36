// Who keeps a migration from its locks: transactions that are open on our tables.
import type pg from "pg";

type InTheWay = {
  /** Null for a prepared transaction, which has no session. */
  pid: number | null;
  gid: string | null;
  role: string;
  application: string | null;
  state: string | null;
  /** Null where the session is another role's, and ours is no member of pg_read_all_stats. */
  age_s: number | null;
  tables: string;
};

const NAMED_MAX = 5;

/** Says of the oldest transactions with locks on our tables who they are, and how to end them; empty where there are none. */
export async function describeInTheWay(client: pg.ClientBase): Promise<string> {
  const { rows } = await client.query<InTheWay>(
    `select l.pid, p.gid, coalesce(a.usename::text, p.owner::text, 'unknown') as role, a.application_name as application,
       case when a.backend_type = 'autovacuum worker' then 'autovacuum' else a.state end as state,
       extract(epoch from clock_timestamp() - coalesce(a.xact_start, p.prepared))::integer as age_s,
       string_agg(distinct c.relname, ', ' order by c.relname) as tables
     from pg_catalog.pg_locks as l
     join pg_catalog.pg_class as c on c.oid = l.relation and c.relkind in ('r', 'p') and not c.relispartition
     left join pg_catalog.pg_stat_activity as a on a.pid = l.pid
     left join pg_catalog.pg_prepared_xacts as p on l.virtualtransaction = '-1/' || p.transaction
     where c.relnamespace = to_regnamespace('posthorn') and l.granted and l.pid is distinct from pg_backend_pid()
       and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
     group by l.pid, p.gid, p.owner, p.prepared, a.usename, a.application_name, a.backend_type, a.state, a.xact_start
     order by age_s desc nulls last limit ${NAMED_MAX}`,
  );
  return rows.map(described).join("; ");
}

function described({ pid, gid, role, application, state, age_s, tables }: InTheWay): string {
  const facts = [role, application, state, age_s !== null && `for ${age_s} s`, `on ${tables}`];
  const who = gid === null ? `pid ${pid}` : `the prepared transaction ${gid}`;
  const end = gid === null ? `select pg_terminate_backend(${pid})` : `rollback prepared '${gid}'`;
  return `${who} (${facts.filter(Boolean).join(", ")}; to end it: ${end})`;
}
