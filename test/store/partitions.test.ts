// The partitions of the days ahead, whoever makes them.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/store/connect.ts";
import { makePartitions } from "../../src/store/partitions.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

const DAYS_AHEAD = 10; // the template has one
const TABLES = 4;

let database: TestDatabase;
let connections: Connection[];

beforeAll(async () => {
  database = await createTestDatabase();
  connections = Array.from({ length: 5 }, () =>
    connect(database.url, { name: "partitions", max: 1, log: silentLog }),
  );
});
afterAll(async () => {
  for (const { close } of connections) await close();
  await database.drop();
});

test("five processes that make them at once do not trip over each other, and nothing is left to make", async () => {
  await Promise.all(connections.map(({ pool }) => makePartitions(pool, DAYS_AHEAD)));
  const [{ pool }] = connections as [Connection];
  const { rows } = await pool.query(
    `select inhparent::regclass::text as parent, count(*) as partitions from pg_inherits
     join pg_class on pg_class.oid = inhrelid and relkind = 'r' group by 1`,
  );
  expect(rows).toHaveLength(TABLES);
  for (const { partitions } of rows) expect(partitions).toBe(DAYS_AHEAD + 2); // yesterday's and today's
  expect(await makePartitions(pool, DAYS_AHEAD)).toBe(0);
});
