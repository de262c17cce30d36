// /readyz: whether each part of the process can do its work, at once.
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { newestVersion } from "../../src/database/migrate.ts";
import { createSchemaWatch } from "../../src/delivery/schema-watch.ts";
import { createLog } from "../../src/kernel/log.ts";
import { until } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { startTestService } from "../helpers/service.ts";

let database: TestDatabase;
let pooler: DatabaseProxy;
beforeEach(async () => {
  database = await createTestDatabase();
  pooler = await startDatabaseProxy(database.url);
});
afterEach(async () => {
  await pooler.close();
  await database.drop();
});

const PARTS = ["publishing", "api", "worker", "housekeeping"];

test.each(PARTS)(
  "a service whose sessions for %s are refused is not ready, and is again when they are let in",
  async (part) => {
    const service = await startTestService({ DATABASE_URL: pooler.url }, { waitMs: 0 });
    const readyz = async () => (await fetch(`${service.url}/readyz`)).status;
    expect(await readyz()).toBe(200);
    pooler.refuse(new RegExp(`posthorn ${part}`));
    await until(readyz, (status) => status === 503);
    expect(await readyz()).toBe(503);
    pooler.refuse(null);
    await until(readyz, (status) => status === 200);
    await service.stop();
  },
);

test.each(PARTS)("a start that gets no session for %s is refused with one line", async (part) => {
  pooler.refuse(new RegExp(`posthorn ${part}`));
  await expect(startTestService({ DATABASE_URL: pooler.url })).rejects.toThrow(
    /^DATABASE_URL: the database can't be reached: .* \(the connections for \w+\)$/,
  );
});

test("a service whose database is migrated past what works with it is not ready, says why, and is again when that is undone", async () => {
  const service = await startTestService({ DATABASE_URL: database.url }, { waitMs: 0 });
  const readyz = async () => (await fetch(`${service.url}/readyz`)).json();
  const newest = newestVersion();
  const client = await service.connect();
  await client.query(
    `insert into posthorn.migrations (version, name, applied_at)
     select $1::integer + n, 'later', now() from generate_series(1, 2) as n`,
    [newest],
  );
  const why = `the database's schema is at version ${newest + 2}, newer than this program's ${newest}: start the newer posthorn (it works with programs from version ${newest + 1} on)`;
  expect(await readyz()).toMatchObject({ reason: why });
  const lines: { level: string; msg: string }[] = [];
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line)) });
  const pool = new pg.Pool({ connectionString: database.url });
  const look = createSchemaWatch(pool, log);
  await look();
  expect(lines).toMatchObject([{ level: "error", msg: why }]);
  await client.query("delete from posthorn.migrations where version > $1", [newest]);
  await look();
  expect(lines).toHaveLength(1);
  expect(await readyz()).toMatchObject({ status: "ready" });
  await pool.end();
  await service.stop();
});
