// The one PostgreSQL of a test run, and the template that each test's database is copied from.
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

import { silentLog } from "../../src/kernel/log.ts";
import { startEmbedded, type EmbeddedDatabase } from "../../src/database/embedded.ts";
import { START_DAYS_AHEAD } from "../../src/database/partitions.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { databaseUrl, TEMPLATE } from "./database-url.ts";

const PREFIX = "posthorn-test-";

export type TestServer = { url: string; stop(): Promise<void> };

/** Starts a server in a folder of its own, with a migrated template; `POSTHORN_TEST_POSTGRES_BIN` picks another PostgreSQL. */
export async function startTestServer(): Promise<TestServer> {
  await removeAbandoned();
  const dataDir = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-`));
  let database: EmbeddedDatabase | undefined;
  const stop = async () => {
    await database?.stop();
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const binDir = process.env["POSTHORN_TEST_POSTGRES_BIN"];
    database = await startEmbedded({
      dataDir,
      durable: false,
      log: silentLog,
      ...(binDir && { binDir }),
    });
    await makeTemplate(database.url);
    return { url: database.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeTemplate(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${TEMPLATE}`);
    // As many days of partitions as a start wants, so that a role that may make none can start, and one more, since a
    // run may go past midnight; a copy copies each file.
    await prepareDatabase(databaseUrl(url, TEMPLATE), {
      log: silentLog,
      seed: writeCatalogue,
      daysAhead: START_DAYS_AHEAD + 1,
    });
    await client.query(`alter database ${TEMPLATE} allow_connections false`); // a template in use can't be copied
  } finally {
    await client.end();
  }
}

/** A run that was killed with -9 leaves its server: adopt and stop it. The pid in the name tells that nobody uses it. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number.parseInt(name.slice(PREFIX.length), 10);
    if (!name.startsWith(PREFIX) || !(pid > 0) || isAlive(pid)) continue;
    const dataDir = join(tmpdir(), name);
    const abandoned = await startEmbedded({ dataDir, durable: false, log: silentLog }).catch(
      () => undefined, // another user's, or half made
    );
    await abandoned?.stop();
    await rm(dataDir, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
