// Brings a database to the schema that this program knows: plain numbered SQL files, each in a transaction.
import { readdirSync, readFileSync } from "node:fs";

import type pg from "pg";

import { monotonic, sleep } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import { databaseError } from "../kernel/faults.ts";
import { silentLog, type Log } from "../kernel/log.ts";
import { openClient } from "./client.ts";
import { refuseDistributed } from "./distributed.ts";
import { describeInTheWay } from "./in-the-way.ts";
import { refuseSharedSchema } from "./own-schema.ts";
import { locksOf, type TakenLock } from "./migration-locks.ts";
import { makePartitions, START_DAYS_AHEAD } from "./partitions.ts";
import { schemaState, whyOutgrown, type SchemaState } from "./schema-state.ts";

const MIGRATIONS = new URL("../../db/migrations/", import.meta.url);
const WAIT_MAX_MS = 2 * MINUTE; // what takes longer is looked at by a person
const REPORT_EVERY_MS = 10 * SECOND;

// Whoever publishes queues behind a lock that is waited for. So it is not waited for long, but tried for again and again.
export const LOCK_WAIT_MS = 40;
const RETRY_MS = 500;

const SERVER_VERSION_MIN = 150_000;
const INSUFFICIENT_PRIVILEGE = "42501";
const LOCK_NOT_AVAILABLE = "55P03";
const NOT_NOW = [LOCK_NOT_AVAILABLE, "40P01"]; // a deadlock: the others went on
const MADE_ALREADY = ["42P06", "42P07", "42710", "23505"]; // by another process, this moment

// What a migration may say of itself: how old a program may be that works on what it has made.
const WORKS_FROM = /^-- works with programs from version (\d+) on$/m;

type Migration = { version: number; name: string; sql: string; worksFrom: number | null };

export type MigrateOptions = {
  log?: Log;
  daysAhead?: number;
  /** The folder of the migrations. */
  from?: URL;
  /** How long somebody's open transaction is waited for. */
  waitMaxMs?: number;
};

/**
 * Applies what is missing, and makes the partitions of the days ahead. Safe when any number of processes start
 * at once; does no DDL where the schema is current. Nobody else waits for it: behind somebody's open transaction it tries
 * again and again. Throws a StartError where the schema is newer than the program, or that transaction stays.
 */
export async function migrate(
  url: string,
  options: MigrateOptions = {},
): Promise<{ applied: string[] }> {
  const { log = silentLog, daysAhead = START_DAYS_AHEAD } = options;
  const client = await openClient(url, "migrate");
  try {
    await refuseOldServer(client);
    await refuseHiddenRows(client);
    await refuseDistributed(client);
    const migrations = readMigrations(options.from ?? MIGRATIONS);
    const pending = missing(migrations, await schemaState(client));
    await refuseSharedSchema(client, pending.length > 0);
    if (pending.length === 0) return { applied: [] };
    await makeSchema(client);
    const applied: string[] = [];
    for (const migration of pending) {
      if (!(await applyInTime(client, migration, options))) continue; // another process was quicker
      applied.push(migration.name);
      log.info({ migration: migration.name }, "migrated");
    }
    await makePartitions(client, daysAhead);
    return { applied };
  } finally {
    await client.end().catch(() => {});
  }
}

/** What `migrate` would do: the migrations that are missing, each with the locks it takes on what is there. */
export async function planMigrations(
  url: string,
  from: URL = MIGRATIONS,
): Promise<{ version: number; pending: { name: string; locks: TakenLock[] }[] }> {
  const client = await openClient(url, "migrate");
  try {
    await refuseOldServer(client);
    const state = await schemaState(client);
    const pending = missing(readMigrations(from), state);
    const { rows } = await client.query<{ name: string }>(
      `select relname as name from pg_catalog.pg_class where relnamespace = to_regnamespace('posthorn')`,
    );
    const there = new Set(rows.map(({ name }) => name));
    const planned = pending.map(({ name, sql }) => ({
      name,
      locks: locksOf(sql).filter(({ table }) => there.has(table)),
    }));
    return { version: state.version, pending: planned };
  } finally {
    await client.end().catch(() => {});
  }
}

/** The version of the schema that this program knows. */
export function newestVersion(): number {
  return readMigrations(MIGRATIONS).at(-1)?.version ?? 0;
}

function readMigrations(folder: URL): Migration[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), "utf8");
      const [, worksFrom = null] = WORKS_FROM.exec(sql) ?? [];
      return {
        version: Number.parseInt(name, 10),
        name,
        sql,
        worksFrom: worksFrom === null ? null : Number(worksFrom),
      };
    });
}

// A program that is older than the schema starts where that works with it: while the others are replaced, one may have to start anew.
function missing(migrations: Migration[], state: SchemaState): Migration[] {
  const outgrown = whyOutgrown(state, migrations.at(-1)?.version ?? 0);
  if (outgrown !== null)
    throw new StartError(`${outgrown}, or restore the database's older backup`);
  return migrations.filter((migration) => migration.version > state.version);
}

// Looked for first: "if not exists" asks for the right to make one all the same. Two processes at once may both find none,
// and then a unique index refuses one of them.
async function makeSchema(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ is_made: boolean }>(
    "select to_regnamespace('posthorn') is not null as is_made",
  );
  const isMade = rows[0]?.is_made === true;
  try {
    if (!isMade) await client.query("create schema posthorn");
    await client.query(`
      create table if not exists posthorn.migrations
        (version integer primary key, name text not null, applied_at timestamptz not null, works_from integer)`);
  } catch (error) {
    const code = databaseError(error)?.code ?? "";
    if (MADE_ALREADY.includes(code)) return makeSchema(client);
    if (isMade || code !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new StartError(
      "DATABASE_URL: its role may not make the schema posthorn: make it beforehand, by: create schema posthorn authorization …",
      { cause: error },
    );
  }
}

async function applyInTime(
  client: pg.Client,
  migration: Migration,
  { log = silentLog, waitMaxMs = WAIT_MAX_MS }: MigrateOptions,
): Promise<boolean> {
  const startedAt = monotonic();
  let reportedAt = -Infinity;
  for (;;) {
    try {
      return await apply(client, migration);
    } catch (error) {
      if (error instanceof StartError) throw error;
      if (!NOT_NOW.includes(databaseError(error)?.code ?? ""))
        throw new StartError(`migration ${migration.name} failed: ${(error as Error).message}`, {
          cause: error,
        });
      const inTheWay = (await describeInTheWay(client)) || "nobody who is still there";
      const waitedMs = monotonic() - startedAt;
      if (waitedMs >= waitMaxMs)
        throw new StartError(
          `migration ${migration.name} got no lock in ${Math.round(waitedMs / SECOND)} s; in its way: ${inTheWay}`,
          { cause: error },
        );
      if (waitedMs - reportedAt >= REPORT_EVERY_MS) {
        log.warn({ migration: migration.name, inTheWay }, "a migration waits for its turn");
        reportedAt = waitedMs;
      }
      await sleep(RETRY_MS);
    }
  }
}

// One at a time, by the lock of the table that tells how far it has come. Answers whether it was still to be done.
async function apply(client: pg.Client, migration: Migration): Promise<boolean> {
  await client.query("begin");
  try {
    await takeTurn(client);
    const isPending = (await schemaState(client)).version < migration.version;
    if (isPending) {
      await client.query(`set local lock_timeout = ${LOCK_WAIT_MS}`);
      await client.query(migration.sql);
      await client.query(KEEP_GRANTS);
      await client.query(
        "insert into posthorn.migrations (version, name, applied_at, works_from) values ($1, $2, now(), $3)",
        [migration.version, migration.name, migration.worksFrom],
      );
    }
    await client.query("commit");
    return isPending;
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  }
}

// In the migration's own transaction: publishers never meet a posthorn.publish that they may not call.
const KEEP_GRANTS = `do $$ begin
  if to_regprocedure('posthorn.grant_publishers()') is not null then
    perform posthorn.grant_publishers();
  end if;
end $$`;

async function takeTurn(client: pg.Client): Promise<void> {
  try {
    await client.query(`set local lock_timeout = ${WAIT_MAX_MS}`);
    await client.query("lock table posthorn.migrations in share row exclusive mode");
  } catch (error) {
    if (databaseError(error)?.code !== LOCK_NOT_AVAILABLE) throw error;
    throw new StartError(
      "another process has been migrating this database for two minutes: look at what it waits for",
      { cause: error },
    );
  }
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ number: number; text: string; encoding: string }>(
    "select current_setting('server_version_num')::integer as number, current_setting('server_version') as text, current_setting('server_encoding') as encoding",
  );
  const server = rows[0];
  if (!server || server.number < SERVER_VERSION_MIN)
    throw new StartError(`PostgreSQL 15 or newer is needed, DATABASE_URL leads to ${server?.text}`);
  if (server.encoding !== "UTF8")
    throw new StartError(
      `a database in UTF8 is needed, DATABASE_URL leads to one in ${server.encoding}`,
    );
}

// Some providers switch row level security on for every new table. The owner sees past it; another role, who was granted
// all that it needs, would find every table empty, and nothing would say why nothing is delivered.
async function refuseHiddenRows(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ table: string; role: string }>(
    `select c.relname as table, current_user as role from pg_catalog.pg_class as c
     where c.relnamespace = to_regnamespace('posthorn') and c.relkind in ('r', 'p') and not c.relispartition
       and row_security_active(c.oid)
     order by c.relname limit 1`,
  );
  if (rows[0])
    throw new StartError(
      `DATABASE_URL: row level security hides the rows of posthorn.${rows[0].table} from the role ${rows[0].role}: "alter role ${rows[0].role} bypassrls", or use the schema's owner`,
    );
}
