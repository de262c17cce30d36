// What is written is what PostgreSQL reads.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { plainArray } from "../../src/database/array-literal.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let sql: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});

const ID = "01a21379-b3e2-7574-8000-8fd695b06940";

test.each([
  ["uuid[]", [ID, null, ID]],
  ["integer[]", [1, -2, null]],
  ["float8[]", [1e21, 0.1, -5e-324]],
  ["text[]", ["delivered", null, "null", "tenant_1-a", "2001:db8::1"]],
  ["boolean[]", [true, false, null]],
  ["timestamptz[]", [new Date("2026-11-25T16:00:00.123Z"), null]],
  ["text[]", []],
])("a plain array of %s is read back as it was: %p", async (type, values) => {
  const { rows } = await sql.query(`select $1::${type} as values`, [plainArray(values)]);
  expect(rows[0].values).toEqual(values);
});
