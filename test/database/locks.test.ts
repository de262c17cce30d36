// Being the only one at something, while strangers may hold every advisory lock there is.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { LOCK, lock, lockOf, tryHold, tryLock } from "../../src/database/locks.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "locks", max: 4, log: silentLog });
});

afterAll(async () => {
  await connection.close();
  await database.drop();
});

async function open(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return client;
}

test("a lock is had by one transaction after the other, in the order in which they asked", async () => {
  const order: string[] = [];
  const slot = lockOf("a name");
  let second: Promise<void> | undefined;
  await connection.db.transaction().execute(async (trx) => {
    await lock(trx, slot);
    second = connection.db.transaction().execute(async (other) => {
      await lock(other, slot);
      order.push("second");
    });
    for (;;) {
      const { rows } = await connection.pool.query(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      if (rows.length === 1) break;
    }
    order.push("first");
  });
  await second;
  expect(order).toEqual(["first", "second"]);
});

test("what is locked is left out by whoever does not wait", async () => {
  const [one, other] = [await open(), await open()];
  const slot = lockOf("another name");
  await one.query("begin");
  expect(await tryLock(one, slot)).toBe(true);
  expect(await tryLock(other, slot)).toBe(false);
  await one.query("rollback");
  expect(await tryLock(other, slot)).toBe(true);
  await Promise.all([one.end(), other.end()]);
});

test("what a session holds is free again when the session is gone", async () => {
  const [one, other, third] = [await open(), await open(), await open()];
  expect(await Promise.all([one, other].map((each) => tryHold(each, LOCK.retention)))).toContain(
    true,
  );
  expect(await tryHold(third, LOCK.retention)).toBe(false);
  await Promise.all([one.end(), other.end()]);
  // The server lets go of a session a moment after its client has.
  while (!(await tryHold(third, LOCK.retention)));
  await third.end();
});

test("a role that may publish can take none of the locks", async () => {
  const owner = await open();
  await owner.query(`create role ${ROLE}; select posthorn.allow_publish('${ROLE}')`);
  await owner.query(`set role ${ROLE}`);
  for (const statement of [
    "select from posthorn.locks for update",
    "select from posthorn.locks for key share",
    "select; lock table posthorn.locks in access share mode",
    "select; lock table posthorn.migrations in access share mode",
  ])
    await expect(owner.query(statement)).rejects.toMatchObject({ code: "42501" });
  await owner.query(`reset role; drop owned by ${ROLE}; drop role ${ROLE}`);
  await owner.end();
});

const ROLE = "locks_publisher";
