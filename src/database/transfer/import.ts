// Imports what was exported into a database that nothing of ours was in: all of it, in one transaction, with sending paused.
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import type pg from "pg";
import { from as copyFrom } from "pg-copy-streams";

import { StartError } from "../../kernel/errors.ts";
import { databaseError } from "../../kernel/faults.ts";
import { openClient } from "../client.ts";
import { migrate, newestVersion, planMigrations } from "../migrate.ts";
import { makePartitionsNamed } from "../partitions.ts";
import { openMark, type Sealer } from "../sealed.ts";
import { checkFiles } from "./files.ts";
import type { Progress } from "./export.ts";
import { fileOf, readManifest, type ExportedTable, type Manifest } from "./manifest.ts";
import { createMeter } from "./meter.ts";
import { copied, quoted, readTables, type Table } from "./tables.ts";

const LOCK_WAIT_S = 5; // a service that is at work there holds its locks for milliseconds

// What commands leave in a database that no service has used are the built-in types and the mark of the secrets key: of
// these tables, the rows that are a service's.
const OF_SERVICES: Record<string, string> = {
  event_types: "tenant <> '*'",
  event_type_versions: "tenant <> '*'",
  settings: "name = 'installation'",
};

export type ImportOptions = {
  /** Opens what is sealed: the key of the exported database's secrets, or nothing is imported. */
  sealer: Sealer;
  /** Keeps what is imported from being sent: run in the same transaction. */
  hold(client: pg.ClientBase): Promise<void>;
  progress: Progress;
};

/**
 * Reads a folder that `exportDatabase` has written. Throws a StartError, one line, where it is not whole, of another version,
 * or the database has something in it; then nothing was changed.
 */
export async function importDatabase(
  url: string,
  folder: string,
  options: ImportOptions,
): Promise<Manifest> {
  const manifest = await readManifest(folder);
  refuseOtherVersion(manifest);
  await checkFiles(folder, manifest);
  await refuseOtherSchema(url);
  await refuseMissingRoles(url, manifest);
  await migrate(url);
  const client = await openClient(url, "import");
  try {
    await makePartitionsNamed(
      client,
      manifest.tables.map(({ name }) => name),
    );
    await client.query("begin");
    await fill(client, folder, manifest, options);
    await client.query("commit");
    await client.query(
      `analyze ${(await readTables(client)).map(({ name }) => `posthorn.${quoted(name)}`).join(", ")}`,
    );
    return manifest;
  } catch (error) {
    throw inOneLine(error);
  } finally {
    await client.end().catch(() => {}); // which rolls back what is not committed
  }
}

function refuseOtherVersion({ schema_version, posthorn }: Manifest): void {
  const newest = newestVersion();
  if (schema_version === newest) return;
  throw new StartError(
    `the export is of schema version ${schema_version} (posthorn ${posthorn}), this program's is ${newest}: import it with the posthorn that exported it, and start this one on the database then`,
  );
}

// One with nothing in it is made; one of this version is looked into below.
async function refuseOtherSchema(url: string): Promise<void> {
  const { version } = await planMigrations(url);
  if (version > 0 && version !== newestVersion())
    throw new StartError(
      `the database has a schema of version ${version} in it, and this program's is ${newestVersion()}: import into an empty one`,
    );
}

async function refuseMissingRoles(url: string, { publishers }: Manifest): Promise<void> {
  const wanted = [...new Set(publishers.map(({ role }) => role))];
  const client = await openClient(url, "import");
  try {
    const { rows } = await client.query<{ role: string }>(
      `select role from unnest($1::text[]) as role
       where not exists (select from pg_catalog.pg_roles where rolname = role) order by 1`,
      [wanted],
    );
    if (rows.length > 0)
      throw new StartError(
        `roles that publish by SQL are not there: ${rows.map(({ role }) => role).join(", ")}; create them first`,
      );
  } finally {
    await client.end().catch(() => {});
  }
}

async function fill(
  client: pg.Client,
  folder: string,
  manifest: Manifest,
  { sealer, hold, progress }: ImportOptions,
): Promise<void> {
  await client.query(`set local lock_timeout = '${LOCK_WAIT_S}s'`);
  // Every publish, claim and start reads it: none comes in between.
  await client.query("lock table posthorn.settings in access exclusive mode");
  const tables = await readTables(client);
  await refuseRows(client, tables);
  for (const table of manifest.tables) await importTable(client, folder, table, tables, progress);
  for (const { name, value, is_called } of manifest.sequences)
    await client.query("select setval(format('posthorn.%I', $1::text)::regclass, $2, $3)", [
      name,
      value,
      is_called,
    ]);
  for (const { role, tenant } of manifest.publishers)
    await client.query("insert into posthorn.publishers values (quote_ident($1)::regrole, $2)", [
      role,
      tenant,
    ]);
  await client.query("select posthorn.grant_publishers()");
  await refuseOtherKey(client, sealer);
  await hold(client);
}

async function refuseRows(client: pg.Client, tables: readonly Table[]): Promise<void> {
  for (const { name } of tables) {
    const where = OF_SERVICES[name] ?? "true";
    const { rows } = await client.query<{ has_rows: boolean }>(
      `select exists (select from posthorn.${quoted(name)} where ${where}) as has_rows`,
    );
    if (rows[0]?.has_rows)
      throw new StartError(
        `the database is in use: posthorn.${name} has rows; import into one that no service was started on, or drop schema posthorn cascade there first`,
      );
  }
  for (const name of Object.keys(OF_SERVICES)) await client.query(`delete from posthorn.${name}`);
}

async function importTable(
  client: pg.Client,
  folder: string,
  { name, columns, rows, sha256 }: ExportedTable,
  tables: readonly Table[],
  progress: Progress,
): Promise<void> {
  const table = tables.find((each) => each.name === name);
  if (table?.columns.toSorted().join() !== columns.toSorted().join())
    throw new StartError(
      `the export's table ${name} is none of this schema's, or has other columns; nothing was imported`,
    );
  const file = createReadStream(join(folder, fileOf(name)));
  const meter = createMeter((bytes) => progress(name, bytes));
  const target = client.query(copyFrom(`copy ${copied({ name, columns })} from stdin`));
  await pipeline(file, meter, target);
  if (target.rowCount !== rows || meter.sha256() !== sha256)
    throw new StartError(`${fileOf(name)} has changed meanwhile; nothing was imported`);
}

async function refuseOtherKey(client: pg.Client, sealer: Sealer): Promise<void> {
  const { rows } = await client.query<{ mark: string }>(
    "select value as mark from posthorn.settings where name = 'secrets_check'",
  );
  if (rows[0]) openMark(sealer, rows[0].mark);
}

const OUT_OF_LOCKS = "53200";
const LOCK_NOT_AVAILABLE = "55P03";

function inOneLine(error: unknown): unknown {
  const found = databaseError(error);
  if (error instanceof StartError || !found) return error;
  const advice = {
    [OUT_OF_LOCKS]: "; raise max_locks_per_transaction, each day that is kept takes some",
    [LOCK_NOT_AVAILABLE]: "; a service is at work there: import into an empty database",
  }[found.code];
  return new StartError(`nothing was imported: ${found.message}${advice ?? ""}`, { cause: error });
}
