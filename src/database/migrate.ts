// Brings a database to the schema that this program knows: plain numbered SQL files, each in a transaction.
import { readdirSync, readFileSync } from "node:fs";

import pg from "pg";

import { sleep } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import { silentLog, type Log } from "../kernel/log.ts";
import { makePartitions, START_DAYS_AHEAD } from "./partitions.ts";

const MIGRATIONS = new URL("../../db/migrations/", import.meta.url);
const LOCK_KEY = 7_067_438_019; // any number that nobody else uses: one migrator at a time
const LOCK_POLL_MS = 50;
const LOCK_WAIT_MAX_MS = 2 * MINUTE; // a migration that takes longer is looked at by a person
const SERVER_VERSION_MIN = 150_000;

type Migration = { version: number; name: string; sql: string };

/**
 * Applies what is missing, and makes the partitions of the days ahead. Safe when any number of processes start
 * at once; does no DDL where the schema is current. Throws a StartError where the schema is newer than the program.
 */
export async function migrate(
  url: string,
  options: { log?: Log; daysAhead?: number } = {},
): Promise<{ applied: string[] }> {
  const { log = silentLog, daysAhead = START_DAYS_AHEAD } = options;
  const client = new pg.Client({ connectionString: url, application_name: "posthorn migrate" });
  client.on("error", () => {}); // a connection that is lost shows at the next statement
  await client.connect();
  try {
    await refuseOldServer(client);
    await refuseHiddenRows(client);
    const migrations = readMigrations();
    const pending = async () => missing(migrations, await schemaVersion(client));
    if ((await pending()).length === 0) return { applied: [] };
    await lock(client);
    const applied = await pending(); // again: another process may have been quicker
    for (const migration of applied) {
      await apply(client, migration);
      log.info({ migration: migration.name }, "migrated");
    }
    await makePartitions(client, daysAhead);
    return { applied: applied.map((migration) => migration.name) };
  } finally {
    await client.end().catch(() => {}); // the lock goes with the connection
  }
}

function readMigrations(): Migration[] {
  return readdirSync(MIGRATIONS)
    .filter((name) => name.endsWith(".sql"))
    .sort()
    .map((name) => ({
      version: Number.parseInt(name, 10),
      name,
      sql: readFileSync(new URL(name, MIGRATIONS), "utf8"),
    }));
}

function missing(migrations: Migration[], version: number): Migration[] {
  const newest = migrations.at(-1)?.version ?? 0;
  if (version > newest)
    throw new StartError(
      `the database's schema is at version ${version}, newer than this program's ${newest}: start the newer posthorn, or restore the database's older backup`,
    );
  return migrations.filter((migration) => migration.version > version);
}

async function schemaVersion(client: pg.Client): Promise<number> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "select to_regclass('posthorn.migrations') is not null as exists",
  );
  if (found[0]?.exists !== true) return 0;
  const { rows } = await client.query<{ version: number }>(
    "select coalesce(max(version), 0) as version from posthorn.migrations",
  );
  return rows[0]?.version ?? 0;
}

// Polled with no transaction open: waiting on an advisory lock inside one deadlocks with `create index concurrently`.
async function lock(client: pg.Client): Promise<void> {
  for (let waitedMs = 0; waitedMs < LOCK_WAIT_MAX_MS; waitedMs += LOCK_POLL_MS) {
    const { rows } = await client.query<{ locked: boolean }>(
      "select pg_try_advisory_lock($1) as locked",
      [LOCK_KEY],
    );
    if (rows[0]?.locked) return;
    await sleep(LOCK_POLL_MS);
  }
  throw new StartError(
    "another process has been migrating this database for two minutes: look at what it waits for",
  );
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query("begin");
  try {
    await client.query(`
      create schema if not exists posthorn;
      create table if not exists posthorn.migrations
        (version integer primary key, name text not null, applied_at timestamptz not null)`);
    await client.query(migration.sql);
    await client.query(
      "insert into posthorn.migrations (version, name, applied_at) values ($1, $2, now())",
      [migration.version, migration.name],
    );
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw new StartError(`migration ${migration.name} failed: ${(error as Error).message}`, {
      cause: error,
    });
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
