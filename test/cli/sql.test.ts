// `posthorn sql`: what runs, what is printed, and what it ends with.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { isBlank, splitStatements } from "../../src/cli/sql/statements.ts";
import { until } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { type, typed, type Typed } from "../helpers/terminal.ts";

let database: TestDatabase;
let env: Record<string, string>;

beforeAll(async () => {
  database = await createTestDatabase();
  env = { DATABASE_URL: database.url };
});
afterAll(() => database.drop());

const sql = (args: string[], options: Typed = {}) => typed(["sql", ...args], { env, ...options });

test("rows are printed as psql prints them, numbers to the right and NULL as nothing", async () => {
  const rows = "(values (1, 'one'), (10, null)) as v (n, name)";
  const { out, err, code } = await sql([`select n, name from ${rows}`]);
  expect(out).toBe(" n  | name \n----+------\n  1 | one\n 10 | \n(2 rows)\n\n");
  expect({ err, code }).toEqual({ err: "", code: 0 });
});

test("with --json each row is a line of JSON, with the values that are stored", async () => {
  const { out } = await sql([
    "--json",
    `select 1 as n, 1.50::numeric as price, 'NaN'::float8 as nan, true as yes, null as none, e'a\\nb' as text,
       '{"a": 1,\n "b": 1.0}'::json as payload, '2026-01-01Z'::timestamptz at time zone 'UTC' as at`,
  ]);
  expect(out).toBe(
    `{"n":1,"price":1.50,"nan":"NaN","yes":true,"none":null,"text":"a\\nb","payload":{"a": 1,  "b": 1.0},"at":"2026-01-01 00:00:00"}\n`,
  );
});

test("a script that is piped in publishes what it commits, and nothing that it rolls back", async () => {
  const publish = (key: string) =>
    `select posthorn.publish('message.created', '{"text": "a;b"}', idempotency_key => '${key}');`;
  const { code, out } = await sql([], {
    input: `begin; ${publish("rolled back")} rollback;\nbegin; ${publish("committed")} commit;`,
  });
  expect(code).toBe(0);
  expect(out).toMatch(/^BEGIN\n +publish .*ROLLBACK\nBEGIN\n +publish .*\(1 row\)\n\nCOMMIT\n$/s);
  const found = await sql(["--json", "select idempotency_key as key from posthorn.events"]);
  expect(found.out).toBe('{"key":"committed"}\n');
});

test("a name means what the person's own search path says, and his temporary tables are there", async () => {
  const { code, out } = await sql([
    "create temp table orders (n int)",
    "insert into orders values (1), (2)",
    "table orders; delete from orders",
  ]);
  expect(code).toBe(0);
  expect(out).toBe("CREATE TABLE\nINSERT 0 2\n n \n---\n 1\n 2\n(2 rows)\n\nDELETE 2\n");
});

test("a statement that is refused ends a script with 4, the place in it, and nothing of what follows", async () => {
  const { code, err, out } = await sql([], {
    input: "select 1 as n;\nselect\n  n from nowhere;\nselect 2 as never;",
  });
  expect(code).toBe(4);
  expect(err).toBe(
    'posthorn: ERROR:  relation "nowhere" does not exist\nLINE 2:   n from nowhere\n                 ^\n',
  );
  expect(out).toContain("(1 row)");
  expect(out).not.toContain("never");
});

test("a transaction that is left open is rolled back, said so, and ends it with 5", async () => {
  const { code, err } = await sql(["begin; create table left_open (n int)"]);
  expect(code).toBe(5);
  expect(err).toContain("was left open, and is rolled back");
  expect((await sql(["--json", "select to_regclass('left_open') as t"])).out).toBe('{"t":null}\n');
});

test("a database that is not there ends it with 3, and one line that says what was tried", async () => {
  const away = { DATABASE_URL: "postgres://nobody:secret@127.0.0.1:1/nothing" };
  const { code, err } = await sql(["select 1"], { env: away });
  expect(code).toBe(3);
  expect(err).toMatch(/^posthorn: DATABASE_URL: .*127\.0\.0\.1:1[^\n]*\n$/);
  expect(err).not.toContain("secret");
});

test("Ctrl-C ends the statement that runs, in the database too, and the command with 130", async () => {
  const command = type(["sql", "select pg_sleep(600)"], { env });
  const sleeps = async () => {
    const { out } = await sql([
      "--json",
      "select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep(600)%'",
    ]);
    return out;
  };
  await until(sleeps, (out) => out === '{"count":1}\n');
  command.interrupt();
  expect(await command.code).toBe(130);
  await until(sleeps, (out) => out === '{"count":0}\n'); // once its session has ended, which it does not wait for
});

test("at a terminal a statement runs when it is ended, and one that is refused ends nothing", async () => {
  const { code, out, err } = await sql([], {
    lines: ["select 1", "as n;", "nonsense;", "begin;", "oops;", "rollback;", "\\d", "\\q"],
  });
  expect(code).toBe(0);
  expect(out).toBe(" n \n---\n 1\n(1 row)\n\nBEGIN\nROLLBACK\n");
  const name = new URL(database.url).pathname.slice(1);
  const prompts = err
    .match(new RegExp(`${name}[-=][*!]?> `, "g"))
    ?.map((at) => at.slice(name.length));
  expect(prompts).toEqual(["=> ", "-> ", "=> ", "=> ", "=*> ", "=!> ", "=> ", "=> "]);
  expect(err).toContain('ERROR:  syntax error at or near "nonsense"');
  expect(err).toContain("\\q alone is here");
});

test("a connection that is lost at a terminal ends it with 3", async () => {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const lines = ["select pg_terminate_backend(pg_backend_pid());", "select 1;"];
  const { code, err } = await sql([], { lines });
  expect(code).toBe(3);
  expect(err).toMatch(/posthorn: the connection was lost: /);
  await client.end();
});

test("of a table more rows are counted than are shown, and what a stranger stored commands no terminal", async () => {
  const { out } = await sql(["select e'\\x1b[31m' as colour from generate_series(1, 1500)"]);
  expect(out).toContain("(the first 1000 of 1500 rows; --json prints all)");
  expect(out).toContain("\\u{1b}[31m");
  expect(out).not.toContain("\u001B");
});

describe("statements end at a semicolon", () => {
  test.each([
    ["in a quote", "select 'a;''b;', \"c;\"; select 2", ["select 'a;''b;', \"c;\""]],
    [
      "after a backslash",
      String.raw`select e'\';', 'x\'; select 2`,
      [String.raw`select e'\';', 'x\'`],
    ],
    [
      "in a body",
      "do $x$ begin a; $$ b; $$ end $x$; select 2",
      ["do $x$ begin a; $$ b; $$ end $x$"],
    ],
    ["in a comment", "select 1 /* a; /* b; */ c; */; select 2", ["select 1 /* a; /* b; */ c; */"]],
    [
      "in a body of the standard",
      "create function f() begin atomic select case when a then 1 end; end; select 2",
      ["create function f() begin atomic select case when a then 1 end; end"],
    ],
  ])("but not %s", (_where, text, statements) => {
    expect(splitStatements(text)).toEqual({ statements, rest: " select 2" });
  });

  test.each(["select 'a;", "do $$ a;", "select 1 /* a;", 'select "a;', "select 1 -- a;"])(
    "and %s is not ended",
    (text) => {
      expect(splitStatements(text)).toEqual({ statements: [], rest: text });
    },
  );

  test("comments alone are no statement", () => {
    expect([" -- a\n", "/* a /* b */ */ -- c", "-- a\nselect 1"].map(isBlank)).toEqual([
      true,
      true,
      false,
    ]);
  });
});
