// What a database, a role or a URL sets does not reach our sessions.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { openClient } from "../../src/database/client.ts";
import { connect } from "../../src/database/connect.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { duration, sessionSettings } from "../../src/database/session-settings.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { caller, until } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { createTestDatabase, testServerUrl, type TestDatabase } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService } from "../helpers/service.ts";

/** Each changes what a statement means, what its answer looks like, or how long it may take. */
const HOSTILE: Record<string, string> = {
  search_path: "public, pg_catalog",
  datestyle: "German",
  intervalstyle: "sql_standard",
  timezone: "Asia/Kathmandu",
  bytea_output: "escape",
  extra_float_digits: "-15",
  standard_conforming_strings: "off",
  array_nulls: "off",
  transform_null_equals: "on",
  quote_all_identifiers: "on",
  default_transaction_isolation: "serializable",
  default_transaction_deferrable: "on",
  client_encoding: "LATIN1",
  exit_on_error: "on",
  statement_timeout: "1",
  lock_timeout: "1",
  idle_in_transaction_session_timeout: "1",
  idle_session_timeout: "1",
  plan_cache_mode: "force_custom_plan",
  jit: "on",
  enable_nestloop: "off",
  enable_indexscan: "off",
  enable_partition_pruning: "off",
  synchronous_commit: "off",
  session_replication_role: "replica",
  check_function_bodies: "off",
  xmloption: "document",
  backslash_quote: "off",
  escape_string_warning: "off",
  row_security: "on",
  work_mem: "64kB",
  "plpgsql.extra_errors": "all",
  "plpgsql.variable_conflict": "use_column",
};

async function setAll(url: string, settings: Record<string, string>): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  for (const [setting, value] of Object.entries(settings)) {
    const text = setting === "search_path" ? value : `'${value}'`;
    await query(testServerUrl(), `alter database ${name} set ${setting} = ${text}`).catch(
      (error: unknown) => {
        if ((error as pg.DatabaseError).code !== "42704") throw error; // this version does not have it
      },
    );
  }
}

/** Connects as anybody does, with all of it but what would end the session. */
async function openPlainly(url: string): Promise<pg.Client> {
  const lasting = Object.keys(HOSTILE).filter((name) => name.endsWith("timeout"));
  const options = [...lasting, "exit_on_error"].map((name) => `-c ${name}=0`).join(" ");
  const client = new pg.Client({ connectionString: url, options });
  await client.connect();
  return client;
}

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await setAll(database.url, HOSTILE);
});
afterAll(() => database.drop());

const show = async (client: pg.ClientBase | pg.Pool, name: string) => {
  const { rows } = await client.query("select current_setting($1) as value", [name]);
  return rows[0].value as string;
};

test.each(["pinned", "pinned once", undefined] as const)(
  "no setting of the database reaches a pool whose plans are %s",
  async (plans) => {
    const { pool, close } = connect(database.url, {
      name: "test",
      max: 1,
      log: silentLog,
      ...(plans && { plans }),
    });
    const found = await Promise.all(
      Object.entries({
        search_path: "pg_catalog, posthorn, pg_temp",
        datestyle: "ISO, MDY",
        timezone: "UTC",
        statement_timeout: "20s",
        lock_timeout: "0",
        enable_seqscan: plans ? "off" : "on",
        plan_cache_mode: plans === "pinned once" ? "force_generic_plan" : "auto",
        synchronous_commit: "local",
      }).map(async ([name, value]) => [name, value, await show(pool, name)]),
    );
    expect(found.filter(([, wanted, value]) => wanted !== value)).toEqual([]);
    const { rows } = await pool.query(
      `select $1::timestamptz as at, '\\x00ff'::bytea as bytes, 0.1::float8 + 0.2 as number, $2::text[] as list`,
      ["2026-02-01T00:00:00Z", [null, "NULL"]],
    );
    expect(rows).toEqual([
      {
        at: new Date("2026-02-01T00:00:00Z"),
        bytes: Buffer.from([0, 255]),
        number: 0.1 + 0.2,
        list: [null, "NULL"],
      },
    ]);
    await close();
  },
);

test("what DATABASE_URL's own options set stays, but for what is ours", async () => {
  const url = new URL(database.url);
  url.searchParams.set("options", "-c work_mem=2MB -c enable_seqscan=on -c search_path=public");
  url.searchParams.set("statement_timeout", "7");
  url.searchParams.set("application_name", "mine");
  const { pool, close } = connect(url.href, {
    name: "test",
    max: 1,
    log: silentLog,
    plans: "pinned",
  });
  expect(await show(pool, "work_mem")).toBe("2MB");
  expect(await show(pool, "enable_seqscan")).toBe("off");
  expect(await show(pool, "search_path")).toBe("pg_catalog, posthorn, pg_temp");
  expect(await show(pool, "statement_timeout")).toBe("20s");
  expect(await show(pool, "application_name")).toBe("posthorn test");
  await close();
});

test.each([
  [0, "0"],
  [50, "50ms"],
  [20_000, "20s"],
  [60_000, "1min"],
  [86_400_000, "1d"],
])("%s ms are %s to PostgreSQL", (ms, text) => {
  expect(duration(ms)).toBe(text);
});

describe("a session that something on the way has kept from what was asked for", () => {
  const session = () => sessionSettings(database.url, "test", { enable_seqscan: "off" });
  let client: pg.Client;
  beforeAll(async () => {
    client = await openPlainly(database.url); // as a pooler does that drops `options`
  });
  afterAll(() => client.end());

  test("is refused where names or answers would mean something else", async () => {
    await expect(session().check(client)).rejects.toThrow(
      /needs sessions whose search_path is pg_catalog, posthorn, pg_temp, and got one with public, pg_catalog: .* alter role "\w+" in database "\w+" set search_path = pg_catalog, posthorn, pg_temp/,
    );
  });

  test("is taken where the role sets them, and gets the rest set", async () => {
    const { config } = session();
    const names = [...(config.options ?? "").matchAll(/-c (\w+)=/g)].map(([, name = ""]) => name);
    const needed = names.slice(0, names.indexOf("plan_cache_mode"));
    for (const name of needed) await client.query(`reset ${name}`);
    const own = await openClient(database.url, "test");
    for (const name of needed)
      await client.query("select pg_catalog.set_config($1, $2, false)", [
        name,
        await show(own, name),
      ]);
    await own.end();
    await session().check(client);
    expect(await show(client, "enable_seqscan")).toBe("off");
    expect(await show(client, "statement_timeout")).toBe("0");
  });
});

describe("a database whose settings are hostile from the start", () => {
  const name = `test_${randomBytes(8).toString("hex")}`;
  const url = databaseUrl(testServerUrl(), name);
  beforeAll(async () => {
    await query(testServerUrl(), `create database ${name}`);
    await setAll(url, HOSTILE);
  });
  afterAll(() => query(testServerUrl(), `drop database ${name} with (force)`));

  test("is prepared all the same, with its partitions", async () => {
    await prepareDatabase(url, { log: silentLog, seed: writeCatalogue });
    const client = await openClient(url, "test");
    const { rows } = await client.query(
      "select count(*)::integer as count from pg_inherits where inhparent = 'posthorn.events'::regclass",
    );
    expect(rows).toEqual([{ count: 4 }]); // yesterday, today and the next two
    await client.end();
  });

  test("is delivered from, and lists what was delivered, to the millisecond", async () => {
    const service = await startTestService({ DATABASE_URL: url });
    const inbox = await startInbox();
    const post = caller(service);
    await post("webhooks.subscribe", { url: inbox.url, headers: { "X-Secret": "sealed" } }).expect(
      200,
    );
    const timestamp = "2026-02-01T03:04:05.678Z";
    await post("events.publish", { type: "message.created", payload: 1, timestamp }).expect(200);
    const [request] = await inbox.arrived(1);
    expect(request?.body).toContain(`"timestamp":${Date.parse(timestamp)}`);
    expect(request?.headers["x-secret"]).toBe("sealed");
    const listed = async (status: string) =>
      (await post("deliveries.list", { status }).expect(200)).body.data;
    const [delivery] = await until(
      () => listed("delivered"),
      (found) => found.length === 1,
    );
    expect(delivery.created_at).toMatch(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    await post("events.list").expect(200);
    await service.stop();
    await inbox.close();
  });

  test("takes what its own sessions publish", async () => {
    const client = await openPlainly(url);
    const publish = (payload: string, type = "message.created") =>
      client
        .query("select posthorn.publish($1, $2::text, idempotency_key => md5($2))", [type, payload])
        .then(
          () => "taken",
          (error: pg.DatabaseError) => error.message,
        );
    expect(await publish("1")).toBe("taken");
    expect(await publish("1")).toBe("taken"); // known by its key
    expect(await publish("1", "message.updated")).toMatch(/already used/);
    expect(await publish("1", "no such.type")).toMatch(/words of letters/);
    const strings = `[${'"\\\\\\"[[[{{{",'.repeat(300)}1]`;
    expect(await publish(strings)).toBe("taken"); // brackets in strings are no depth
    expect(await publish("[".repeat(600) + "]".repeat(600))).toMatch(/nested more than 500/);
    await client.end();
  });
});

test("every setting that a session could have is judged in the docs", async () => {
  const page = readFileSync(
    new URL("../../docs/settings-of-the-database.md", import.meta.url),
    "utf8",
  );
  const judged = new Set([...page.matchAll(/`([\w.]+)`/g)].map(([, setting]) => setting));
  const found = await query(
    testServerUrl(),
    "do 'begin end'", // loads PL/pgSQL, which has its own
    `select name from pg_settings where context in ('user', 'superuser', 'backend', 'superuser-backend')`,
  );
  expect(found.map(({ name }) => String(name)).filter((name) => !judged.has(name))).toEqual([]);
});
