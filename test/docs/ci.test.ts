// docs/ci.md: an application's own CI, as the page has it, with pg alone and with Knex.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import createKnex from "knex";
import pg from "pg";

import { countDaysAhead } from "../../src/database/partitions.ts";
import { publish } from "../../src/publish/index.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { posthornProgram, run } from "../helpers/process.ts";

let database: TestDatabase;
let project: string; // of somebody who has installed posthorn
let page: string;
let client: pg.Client;

beforeAll(async () => {
  page = await readFile(new URL("../../docs/ci.md", import.meta.url), "utf8");
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query("drop schema posthorn cascade");
  project = await mkdtemp(join(tmpdir(), "posthorn-ci-"));
  await mkdir(join(project, "node_modules/.bin"), { recursive: true });
  const program = `#!/bin/sh\nexec "${process.execPath}" "${await posthornProgram()}" "$@"\n`;
  await writeFile(join(project, "node_modules/.bin/posthorn"), program, { mode: 0o755 });
});
afterAll(async () => {
  await client.end();
  await database.drop();
  await rm(project, { recursive: true });
});

const snippet = (language: string) => page.split(`\`\`\`${language}\n`)[1]?.split("\n```")[0] ?? "";

async function migrate(): Promise<void> {
  const command = snippet("sh").replace(/^DATABASE_URL=\S+/, `DATABASE_URL='${database.url}'`);
  expect(command).toContain(database.url);
  const migration = run("sh", ["-c", command], { cwd: project });
  expect({ ...(await migration.exited), said: migration.stderr }).toMatchObject({ code: 0 });
}

test("the command makes the schema with tables of two days, and again changes nothing", async () => {
  await migrate();
  const tables = async () =>
    (
      await client.query(
        "select oid from pg_class where relnamespace = 'posthorn'::regnamespace order by oid",
      )
    ).rows;
  const made = await tables();
  expect(await countDaysAhead(client)).toBe(2);
  await migrate();
  expect(await tables()).toEqual(made);
});

test("within a transaction a test reads what was published, and its rollback leaves nothing", async () => {
  await client.query("begin");
  await publish(client, { type: "message.created", payload: { order: 1 }, channel: "shop" });
  const { rows } = await client.query(snippet("sql"));
  expect(rows).toMatchObject([
    { type: "message.created", channel: "shop", payload: '{"order":1}' },
  ]);
  await client.query("rollback");
  expect((await client.query(snippet("sql"))).rows).toEqual([]);
});

test("Knex migrates beside it, publishes in its transactions, and all is dropped and made again", async () => {
  const knex = createKnex({ client: "pg", connection: database.url, pool: { min: 0, max: 2 } });
  const migrations = {
    migrationSource: {
      getMigrations: () => Promise.resolve(["orders"]),
      getMigrationName: (name: string) => name,
      getMigration: () =>
        Promise.resolve({
          up: (db: typeof knex) => db.schema.createTable("orders", (table) => table.increments()),
          down: (db: typeof knex) => db.schema.dropTable("orders"),
        }),
    },
  };
  try {
    await knex.migrate.latest(migrations);
    await knex.transaction(async (trx) => {
      await trx("orders").insert({ id: 1 });
      await publish(trx, { type: "message.created", payload: 1 });
    });
    expect((await client.query(snippet("sql"))).rows).toHaveLength(1);
    await knex.migrate.rollback(migrations, true);
    const [, drop = ""] = /drop all, drop the schema too: `([^`]*)`/.exec(page) ?? [];
    await knex.raw(drop);
    await migrate();
    expect((await client.query(snippet("sql"))).rows).toEqual([]);
  } finally {
    await knex.destroy();
  }
});
