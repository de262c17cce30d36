// The partitions of the days ahead, whoever makes them.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { makePartitions } from "../../src/database/partitions.ts";
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
  const [{ pool }] = connections as [Connection];
  // The days are named beforehand: the template may be from before midnight, and hold one more.
  const { rows: days } = await pool.query<{ suffix: string }>(
    `select to_char(now() at time zone 'utc' + day * interval '1 day', 'YYYYMMDD') as suffix
     from generate_series(-1, $1::integer) as day`,
    [DAYS_AHEAD],
  );
  await Promise.all(connections.map(({ pool: own }) => makePartitions(own, DAYS_AHEAD)));
  const { rows: made } = await pool.query<{ parent: string; names: string[] }>(
    `select replace(inhparent::regclass::text, 'posthorn.', '') as parent, array_agg(relname::text) as names
     from pg_inherits join pg_class on pg_class.oid = inhrelid and relkind = 'r' group by 1`,
  );
  expect(made).toHaveLength(TABLES);
  for (const { parent, names } of made)
    expect(names).toEqual(expect.arrayContaining(days.map(({ suffix }) => `${parent}_p${suffix}`)));
  expect(await makePartitions(pool, DAYS_AHEAD)).toBe(0);
});
