// Exports a database: the rows of every table, as they were at one moment, into files of a folder.
import { createWriteStream } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

import type pg from "pg";
import { to as copyTo } from "pg-copy-streams";

import { StartError } from "../../kernel/errors.ts";
import { VERSION } from "../../kernel/version.ts";
import { openClient } from "../client.ts";
import { newestVersion, planMigrations } from "../migrate.ts";
import { fileOf, writeManifest, type ExportedTable, type Manifest } from "./manifest.ts";
import { createMeter } from "./meter.ts";
import { copied, quoted, readTables, type Table } from "./tables.ts";

/** How far it is: the bytes of a table that have just gone through. */
export type Progress = (table: string, bytes: number) => void;

/**
 * Writes all of a database into a folder, which must be empty or not there, as of one moment: what is committed later is not
 * in it. Throws a StartError where it can't.
 */
export async function exportDatabase(
  url: string,
  folder: string,
  progress: Progress,
): Promise<Manifest["tables"]> {
  const { version } = await planMigrations(url);
  if (version === 0) throw new StartError("the database has no Posthorn yet: nothing to export");
  if (version !== newestVersion())
    throw new StartError(
      `the database's schema is at version ${version}, and this program's is ${newestVersion()}: export with the program that made it, or run posthorn migrate first`,
    );
  await makeFolder(folder);
  const client = await openClient(url, "export");
  try {
    await client.query("begin transaction isolation level repeatable read read only");
    const { rows } = await client.query<Pick<Manifest, "server" | "exported_at" | "installation">>(
      `select current_setting('server_version') as server, to_char(now() at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as exported_at,
         (select value from posthorn.settings where name = 'installation') as installation`,
    );
    const [moment] = rows;
    if (!moment) throw new Error("the database answered nothing about itself");
    const tables: ExportedTable[] = [];
    for (const table of await readTables(client))
      tables.push(await exportTable(client, folder, table, progress));
    const [sequences, publishers] = [await readSequences(client), await readPublishers(client)];
    await writeManifest(folder, {
      schema_version: version,
      posthorn: VERSION,
      ...moment,
      tables,
      sequences,
      publishers,
    });
    return tables;
  } finally {
    await client.end().catch(() => {});
  }
}

// Of its owner alone: payloads are other people's.
async function makeFolder(folder: string): Promise<void> {
  const isThere = await mkdir(folder, { mode: 0o700 }).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return true;
      throw new StartError(`${folder} can't be made: ${error.message}`, { cause: error });
    },
  );
  const entries = isThere ? await readdir(folder).catch(() => ["a file"]) : [];
  if (entries.length > 0)
    throw new StartError(`${folder} is there and not an empty folder: name another one`);
}

async function exportTable(
  client: pg.Client,
  folder: string,
  table: Table,
  progress: Progress,
): Promise<ExportedTable> {
  const { name, columns } = table;
  const rows = client.query(copyTo(`copy ${copied(table)} to stdout`));
  const meter = createMeter((bytes) => progress(name, bytes));
  const file = createWriteStream(join(folder, fileOf(name)), { mode: 0o600 });
  await pipeline(rows, meter, file).catch((cause: NodeJS.ErrnoException) => {
    if (cause.syscall === undefined) throw cause;
    throw new StartError(`${folder} can't be written: ${cause.message}`, { cause });
  });
  return { name, columns, rows: rows.rowCount, bytes: meter.bytes, sha256: meter.sha256() };
}

async function readSequences(client: pg.Client): Promise<Manifest["sequences"]> {
  const { rows } = await client.query<{ name: string }>(
    "select sequencename::text as name from pg_catalog.pg_sequences where schemaname = 'posthorn' order by 1",
  );
  const found: Manifest["sequences"] = [];
  for (const { name } of rows) {
    const { rows: state } = await client.query<{ value: string; is_called: boolean }>(
      `select last_value::text as value, is_called from posthorn.${quoted(name)}`,
    );
    found.push({
      name,
      value: Number(state[0]?.value),
      is_called: state[0]?.is_called ?? false,
    });
  }
  return found;
}

async function readPublishers(client: pg.Client): Promise<Manifest["publishers"]> {
  const { rows } = await client.query<Manifest["publishers"][number]>(
    `select r.rolname::text as role, p.tenant from posthorn.publishers as p
     join pg_catalog.pg_roles as r on r.oid = p.role order by 1, 2`,
  );
  return rows;
}
