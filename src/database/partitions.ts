// Makes the daily partitions of the append-only tables, ahead of time.
import type pg from "pg";

import { DAY } from "../kernel/duration.ts";
import { lowestUuidAt } from "../kernel/ids.ts";
import { LOCK } from "./locks.ts";

/**
 * Without a partition for today `publish` fails in the user's own transaction, even while the service is stopped. Each day
 * is also six tables more for whatever reads without naming days, and for a backup: two weeks, not months.
 */
export const PARTITION_DAYS_AHEAD = 14;

/** What a start waits for: the rest is made while the service runs. */
export const START_DAYS_AHEAD = 2;

const byId = (at: Date) => lowestUuidAt(at);
const byTime = (at: Date) => at.toISOString();

/** The tables that have a partition a day, each with what a day's begin is in its key. */
export const PARTITIONED = {
  events: byId,
  event_payloads: byId,
  finished_deliveries: byId,
  attempts: byId,
  stats_minutes: byTime,
  stats_hours: byTime,
} as const;

export type PartitionedTable = keyof typeof PARTITIONED;

const TABLES = Object.keys(PARTITIONED) as PartitionedTable[];

/**
 * Makes the missing partitions from yesterday (a clock may step back over midnight) to `daysAhead` days from now,
 * by the database's clock. Answers how many were missing. Safe when any number of processes do so at once. Each is
 * created apart and then attached: `create table … partition of` would stop every publisher for as long as one user's
 * transaction is open.
 */
export async function makePartitions(
  client: pg.ClientBase | pg.Pool,
  daysAhead: number,
): Promise<number> {
  const { rows } = await client.query<{ today: Date; names: string[] }>(`
    select date_trunc('day', now(), 'UTC') as today,
      coalesce((select array_agg(c.relname::text) from pg_catalog.pg_inherits as i
        join pg_catalog.pg_class as c on c.oid = i.inhrelid
        join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = 'posthorn'), '{}') as names`);
  const [state] = rows;
  if (!state) throw new Error("the catalogue answered nothing");
  const existing = new Set(state.names);
  const statements: string[] = [];
  for (let day = -1; day <= daysAhead; day++) {
    const from = new Date(state.today.getTime() + day * DAY);
    for (const table of TABLES) {
      const name = table + partitionSuffix(from);
      if (!existing.has(name)) statements.push(partitionSql(table, name, from));
    }
  }
  for (const statement of statements) await client.query(statement);
  return statements.length;
}

/** Makes the partitions of these names that are missing; names of other tables are passed over. */
export async function makePartitionsNamed(
  client: pg.ClientBase,
  names: readonly string[],
): Promise<void> {
  for (const name of names) {
    const [, parent = "", y, m, d] = /^(\w+)_p(\d{4})(\d\d)(\d\d)$/.exec(name) ?? [];
    const table = TABLES.find((each) => each === parent);
    if (table) await client.query(partitionSql(table, name, new Date(`${y}-${m}-${d}T00:00:00Z`)));
  }
}

/** What follows a table's name in that of its partition for the day of `at`: `_p20261125`. */
export function partitionSuffix(at: Date): string {
  return `_p${at.toISOString().slice(0, 10).replaceAll("-", "")}`;
}

/** For how many days after today every table has its partition. */
export async function countDaysAhead(client: pg.ClientBase | pg.Pool): Promise<number> {
  const { rows } = await client.query<{ days: number }>(
    `select min(days)::integer as days from (
       select count(c.oid) filter (where right(c.relname, 8) > to_char(now() at time zone 'utc', 'YYYYMMDD')) as days
       from unnest($1::text[]) as t (name)
       left join pg_catalog.pg_inherits as i on i.inhparent = to_regclass('posthorn.' || t.name)
       left join pg_catalog.pg_class as c on c.oid = i.inhrelid and c.relkind = 'r'
       group by t.name
     ) as counted`,
    [TABLES],
  );
  return rows[0]?.days ?? 0;
}

/** Attaches a table as the partition of a day. */
export function attachSql(table: PartitionedTable, name: string, from: Date): string {
  const [begin, end] = [from, new Date(from.getTime() + DAY)].map(PARTITIONED[table]);
  return `alter table posthorn.${table} attach partition posthorn.${name} for values from ('${begin}') to ('${end}')`;
}

function partitionSql(table: PartitionedTable, name: string, from: Date): string {
  // Looked for again under the lock, since another process may have been quicker.
  return `
    do $$ begin
      perform from posthorn.locks where slot = ${LOCK.partitions} for update; -- one maker at a time
      if exists (select from pg_catalog.pg_inherits where inhrelid = to_regclass('posthorn.${name}')) then
        return;
      end if;
      create table if not exists posthorn.${name} (like posthorn.${table} including all);
      ${attachSql(table, name, from)};
    end $$`;
}
