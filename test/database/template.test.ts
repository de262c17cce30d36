import { expect, test } from "@jest/globals";
import pg from "pg";

import { createTestDatabase } from "../helpers/database.ts";

test("each test gets a migrated database of its own", async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query("select max(version) as version from posthorn.migrations");
  expect(rows[0].version).toBeGreaterThan(0);
  await client.end();
  await database.drop();
});
