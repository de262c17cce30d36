// The partitions of the days ahead, whoever makes them.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import pino from "pino";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { findLockShortage } from "../../src/database/lock-room.ts";
import { countDaysAhead, makePartitions } from "../../src/database/partitions.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { createPartitionKeeper } from "../../src/delivery/partition-keeper.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

const DAYS_AHEAD = 10; // the template has two
const TABLES = 6;

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

test("a start makes today and the next two days, upkeep the rest of two weeks", async () => {
  const [{ pool }] = connections as [Connection];
  const fresh = await createTestDatabase();
  const own = connect(fresh.url, { name: "upkeep", max: 1, log: silentLog });
  await own.pool.query(`
    do $$ declare day text; begin
      for day in select oid::regclass from pg_class where relispartition and relkind = 'r' loop
        execute 'drop table ' || day;
      end loop;
    end $$`);
  expect(await countDaysAhead(own.pool)).toBe(0);
  await prepareDatabase(fresh.url, { log: silentLog, seed: writeCatalogue });
  expect(await countDaysAhead(own.pool)).toBe(2);
  const days = { retentionD: 30, payloadRetentionD: 30 };
  const keep = createPartitionKeeper({ ...days, pool: own.pool, log: silentLog });
  await keep(new AbortController().signal);
  expect(await countDaysAhead(own.pool)).toBe(14);
  await own.close();
  await fresh.drop();
  expect(await findLockShortage(pool, 30)).toBeUndefined();
});

test("a retention that the server's table of locks is too small for is told with the setting that it needs", async () => {
  const [{ pool }] = connections as [Connection];
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    {},
    {
      write: (line: string) =>
        void lines.push(JSON.parse(line) as object as Record<string, unknown>),
    },
  );
  const days = { retentionD: 3_650, payloadRetentionD: 30 };
  const keep = createPartitionKeeper({ ...days, pool, log });
  for (let run = 0; run < 2; run++) await keep(new AbortController().signal);
  const { rows } = await pool.query<{ sessions: number }>(
    "select current_setting('max_connections')::integer as sessions",
  );
  // Two who read everything, over 3,666 days of six tables and seventeen indexes.
  const needed = Math.ceil((2 * 3_666 * 23) / (rows[0]?.sessions ?? 0));
  expect(lines.filter(({ needed }) => needed !== undefined)).toMatchObject([
    { setting: 64, needed },
  ]);
});
