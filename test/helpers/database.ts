// A database for a test: migrated, empty, its own.
import { randomBytes } from "node:crypto";

import pg from "pg";

import { databaseUrl, TEMPLATE } from "./database-url.ts";

export type TestDatabase = { url: string; drop(): Promise<void> };

/**
 * Copies the template (some 20 ms), or another database that nobody is connected to. `drop()` closes whatever is still connected;
 * the end of the run drops the rest.
 */
export async function createTestDatabase(template = TEMPLATE): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await runOnServer(`create database ${name} template ${template}`);
  return {
    url: databaseUrl(testServerUrl(), name),
    drop: () => runOnServer(`drop database if exists ${name} with (force)`),
  };
}

/** The URL of the server that `global-setup.ts` started, as its superuser. */
export function testServerUrl(): string {
  const url = process.env["POSTHORN_TEST_SERVER_URL"];
  if (url === undefined) throw new Error("run the tests with npm test: jest starts their database");
  return url;
}

const runOnServer = (statement: string) => fill(testServerUrl(), statement);

/**
 * Runs a statement in a session of its own, which may take what the machine needs: many rows put in place are no statement of the
 * service, whose sessions give up on one after a while.
 */
export async function fill(url: string, statement: string, values: unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement, values);
  } finally {
    await client.end();
  }
}
