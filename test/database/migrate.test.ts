// Bringing a database up to this program, whoever made it and however many try at once.
import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { migrate } from "../../src/database/migrate.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { testServerUrl } from "../helpers/database.ts";

const APP = `app_${randomBytes(4).toString("hex")}`; // roles belong to the whole server, which other tests use too

let admin: pg.Client;
const made: string[] = [];

beforeAll(async () => {
  admin = new pg.Client({ connectionString: testServerUrl() });
  await admin.connect();
  await admin.query(`create role ${APP} login`);
});

afterAll(async () => {
  for (const name of made) await admin.query(`drop database ${name} with (force)`);
  await admin.query(`drop role ${APP}`);
  await admin.end();
});

/** An empty database, in which only its owner may make schemas. */
async function makeDatabase(): Promise<string> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await admin.query(`create database ${name}`);
  made.push(name);
  return databaseUrl(testServerUrl(), name);
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

function as(role: string, url: string): string {
  const changed = new URL(url);
  changed.searchParams.set("user", role);
  return changed.href;
}

test("of many that migrate at once each migration is done by one", async () => {
  const url = await makeDatabase();
  const done = await Promise.all([1, 2, 3, 4].map(() => migrate(url, { daysAhead: 0 })));
  const applied = done.flatMap((each) => each.applied);
  expect(new Set(applied).size).toBe(applied.length);
  const rows = await query<{ name: string }>(
    url,
    "select name from posthorn.migrations order by version",
  );
  expect(rows.map(({ name }) => name)).toEqual(applied.sort());
});

test("a stranger's advisory locks stop no migration", async () => {
  const url = await makeDatabase();
  const stranger = new pg.Client({ connectionString: as(APP, url) });
  await stranger.connect();
  await stranger.query(
    "select pg_advisory_lock(key) from generate_series(7067438019, 7067438021) as key",
  );
  expect((await migrate(url, { daysAhead: 0 })).applied).not.toEqual([]);
  await stranger.end();
});

test("a schema made beforehand is enough for a role that may make none", async () => {
  const url = await makeDatabase();
  await query(url, `create schema posthorn authorization ${APP}`);
  expect((await migrate(as(APP, url), { daysAhead: 0 })).applied).not.toEqual([]);
});

test("a role that may make no schema is told what is missing", async () => {
  const url = await makeDatabase();
  await expect(migrate(as(APP, url))).rejects.toThrow(
    "the role of DATABASE_URL may not make the schema posthorn: make it beforehand, by: create schema posthorn authorization",
  );
});

test("a role that may not create in the schema is told what is missing", async () => {
  const url = await makeDatabase();
  await query(url, `create schema posthorn; grant usage on schema posthorn to ${APP}`);
  await expect(migrate(as(APP, url))).rejects.toThrow("let it own that");
});
