// Names are resolved by us alone: what holds of the catalogue. That nothing of a stranger's runs is strangers.test.ts's.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

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

async function names(query: string): Promise<string[]> {
  const { rows } = await sql.query<{ name: string }>(query);
  return rows.map(({ name }) => name);
}

test("every function of ours is bound when it is made, or pins its search_path", async () => {
  const all = await names(
    "select proname as name from pg_proc where pronamespace = 'posthorn'::regnamespace",
  );
  expect(all).toContain("publish");
  expect(
    await names(`
      select oid::regprocedure::text as name from pg_proc
      where pronamespace = 'posthorn'::regnamespace and prosqlbody is null
        and not coalesce(proconfig, '{}') @> array['search_path=pg_catalog, posthorn, pg_temp']`),
  ).toEqual([]);
});

test("no function's body depends on standard_conforming_strings", async () => {
  const bodies = await names(
    "select prosrc as name from pg_proc where pronamespace = 'posthorn'::regnamespace and prosqlbody is null",
  );
  const escaped = /E'(?:[^'\\]|\\.|'')*'/g; // means the same either way
  expect(bodies.filter((body) => body.replaceAll(escaped, "").includes("\\"))).toEqual([]);
});

test("every text in an index goes by bytes, whatever the database's collation", async () => {
  expect(
    await names(`
      select distinct a.attrelid::regclass || '.' || a.attname as name
      from pg_index as i
      join pg_class as c on c.oid = i.indrelid and c.relnamespace = 'posthorn'::regnamespace
      join pg_attribute as a on a.attrelid = i.indexrelid
      where a.attcollation not in (0, 'pg_catalog."C"'::regcollation)`),
  ).toEqual([]);
});

test("nobody but its owner may create in the schema", async () => {
  expect(
    await names(`
      select grantee::regrole::text as name from pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
      where nspname = 'posthorn' and privilege_type = 'CREATE' and grantee <> nspowner`),
  ).toEqual([]);
});
