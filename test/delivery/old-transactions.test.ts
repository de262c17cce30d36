// The operator is told of what holds cleaning back.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { createTransactionWatch } from "../../src/delivery/old-transactions.ts";
import { silentLog, type Log } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "watch", max: 1, log: silentLog });
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

test("a transaction that is open for long is named by its session, once in ten minutes, until it ends", async () => {
  const warnings: object[] = [];
  const log = { ...silentLog, warn: (facts: object) => warnings.push(facts) } as unknown as Log;
  let now = 0;
  const watch = createTransactionWatch({
    pool: connection.pool,
    monotonic: () => now,
    log,
    ageS: 0,
  });
  expect(await watch()).toBe(0);

  const dump = new pg.Client({ connectionString: database.url, application_name: "a dump" });
  await dump.connect();
  await dump.query("begin isolation level repeatable read");
  const { rows } = await dump.query<{ pid: number }>("select pg_backend_pid() as pid");
  expect(await watch()).toBe(1);
  const named = { pid: rows[0]?.pid, application: "a dump", state: "idle in transaction" };
  expect(warnings).toEqual([expect.objectContaining(named)]);

  now = 599_999;
  await watch();
  expect(warnings).toHaveLength(1);
  now = 600_000;
  await watch();
  expect(warnings).toEqual([expect.objectContaining(named), expect.objectContaining(named)]);

  await dump.query("rollback");
  expect(await watch()).toBe(0);
  await dump.end();
});

test("one of another role is named as well, a minute after it was first seen, by a role that may not look into sessions", async () => {
  const warnings: object[] = [];
  const log = { ...silentLog, warn: (facts: object) => warnings.push(facts) } as unknown as Log;
  let now = 0;
  const watch = createTransactionWatch({ pool: connection.pool, monotonic: () => now, log });
  const dump = new pg.Client({ connectionString: database.url });
  await dump.connect();
  await dump.query("begin isolation level repeatable read");
  const { rows } = await dump.query<{ pid: number }>("select pg_backend_pid() as pid");
  const role = `watcher_${process.pid}`;
  await connection.pool.query(`create role ${role}`);
  await connection.pool.query(`set role ${role}`);
  try {
    await watch();
    now = 60_000;
    await watch();
    expect(warnings).toEqual([]);
    now = 60_001;
    await watch();
    expect(warnings).toEqual([expect.objectContaining({ pid: rows[0]?.pid, age_s: 60 })]);
  } finally {
    await connection.pool.query("reset role");
    await connection.pool.query(`drop role ${role}`);
    await dump.query("rollback");
    await dump.end();
  }
});
