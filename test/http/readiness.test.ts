// /readyz: whether each part of the process can do its work, at once.
import { afterEach, beforeEach, expect, test } from "@jest/globals";

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
