// Arrays in the server's own form, read by the server.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import {
  binaryArray,
  type BinaryElement,
  type BinaryType,
} from "../../src/database/binary-array.ts";
import { testServerUrl } from "../helpers/database.ts";

let sql: pg.Client;
beforeAll(async () => {
  sql = new pg.Client({ connectionString: testServerUrl() });
  await sql.connect();
});
afterAll(() => sql.end());

const read = async (type: BinaryType, values: BinaryElement[]) => {
  const text = `select item::text from unnest($1::${type}[]) as item`;
  const { rows } = await sql.query<{ item: string | null }>(text, [binaryArray(type, values)]);
  return rows.map(({ item }) => item);
};

test.each<[BinaryType, BinaryElement[]]>([
  ["int2", [0, 1, -1, 32_767, -32_768, null]],
  ["int4", [0, 1, -1, 2_147_483_647, -2_147_483_648, null]],
  ["int8", [0, 1, -1, 2 ** 32, -(2 ** 32), 2 ** 32 - 1, Number.MAX_SAFE_INTEGER, null]],
  ["int8", [Number.MIN_SAFE_INTEGER, null, null, 7]],
])("%s of %j arrive as they are", async (type, values) => {
  expect(await read(type, values)).toEqual(
    values.map((value) => (value === null ? null : String(value))),
  );
});

test("so do truths, and none at all", async () => {
  expect(await read("bool", [true, null, false])).toEqual(["true", null, "false"]);
  expect(await read("int8", [])).toEqual([]);
});

test("times arrive to the millisecond, whatever the year", async () => {
  const times = [
    "2026-11-28T16:20:00.123Z",
    "1969-12-31T23:59:59.999Z",
    "1999-12-31T23:59:59.001Z",
  ];
  const values = [...times, "9999-12-31T23:59:59.999Z"].map((time) => new Date(time));
  const { rows } = await sql.query<{ at: Date | null }>(
    "select * from unnest($1::timestamptz[]) as at",
    [binaryArray("timestamptz", [...values, null])],
  );
  expect(rows.map(({ at }) => at)).toEqual([...values, null]);
});
