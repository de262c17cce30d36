// A start is ready only with all of its preparation done, whoever did it.
import { randomBytes } from "node:crypto";

import { afterEach, beforeEach, expect, test } from "@jest/globals";

import { partitionSuffix } from "../../src/database/partitions.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { DAY } from "../../src/kernel/duration.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";

const APP = `app_${randomBytes(4).toString("hex")}`; // roles belong to the whole server, which other tests use too
const options = { log: silentLog, seed: writeCatalogue };

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
  await prepareDatabase(database.url, options);
  await query(
    database.url,
    `create role ${APP} login`,
    `grant usage on schema posthorn to ${APP}`,
    `grant select, insert, update, delete on all tables in schema posthorn to ${APP}`,
    `grant execute on all functions in schema posthorn to ${APP}`,
  );
});
afterEach(async () => {
  await query(database.url, `drop owned by ${APP}`, `drop role ${APP}`);
  await database.drop();
});

function asApp(): string {
  const url = new URL(database.url);
  url.searchParams.set("user", APP);
  return url.href;
}

test("a role that may not make partitions starts where another has made them", async () => {
  await prepareDatabase(asApp(), options);
});

test("a start is refused where a partition of the next days is missing and can't be made", async () => {
  const [{ now } = { now: new Date() }] = (await query(database.url, "select now() as now")) as {
    now: Date;
  }[];
  const missing = `events${partitionSuffix(new Date(now.getTime() + 2 * DAY))}`;
  await query(database.url, `drop table posthorn.${missing}`);
  await expect(prepareDatabase(asApp(), options)).rejects.toThrow(
    /^DATABASE_URL: the tables of today and the next 2 days can't all be made: permission denied for schema posthorn; run posthorn migrate as the schema's owner$/,
  );
  await prepareDatabase(database.url, options); // finishes what is missing
  await prepareDatabase(asApp(), options);
});

test("roles that are gone are forgotten at the next start", async () => {
  const gone = `${APP}_gone`;
  await query(
    database.url,
    `create role ${gone}`,
    `select posthorn.allow_publish('${gone}'), posthorn.allow_publish('${APP}')`,
    `drop owned by ${gone}`,
    `drop role ${gone}`,
  );
  const publishers = "select role::text from posthorn.publishers";
  expect(await query(database.url, publishers)).toHaveLength(2);
  await prepareDatabase(database.url, options);
  expect(await query(database.url, publishers)).toEqual([{ role: APP }]);
});

// As Citus keeps its account of them, which a superuser can make by hand.
test("a database whose tables Citus has distributed is refused, and one where it has distributed others is not", async () => {
  const distribute = (table: string) =>
    query(
      database.url,
      "set allow_system_table_mods = on",
      'create table if not exists pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char")',
      `insert into pg_catalog.pg_dist_partition values ('${table}', 'h')`,
    );
  await query(database.url, "create table public.theirs (id integer)");
  await distribute("public.theirs");
  await prepareDatabase(database.url, options);
  await distribute("posthorn.idempotency_keys");
  await expect(prepareDatabase(database.url, options)).rejects.toThrow(
    /^DATABASE_URL: posthorn\.idempotency_keys is distributed by Citus, and then idempotency keys don't hold: select undistribute_table\('posthorn\.idempotency_keys'\)[^\n]*$/,
  );
  const asCell = { ...options, setting: "POSTHORN_CELLS, us" };
  await expect(prepareDatabase(database.url, asCell)).rejects.toThrow(
    /^POSTHORN_CELLS, us: posthorn\.idempotency_keys is distributed by Citus, [^\n]*$/,
  );
});
