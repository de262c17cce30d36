// posthorn doctor and posthorn migrate --plan: what they find in databases that are well, and in others.
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import type { Finding, Level } from "../../src/cli/doctor/finding.ts";
import {
  judgeClock,
  judgeConnections,
  judgePartitions,
  judgeRights,
  judgeSchema,
  judgeServer,
  judgeTransactions,
} from "../../src/cli/doctor/judge.ts";
import { planMigrations } from "../../src/database/migrate.ts";
import { locksOf } from "../../src/database/migration-locks.ts";
import type { OpenTransaction } from "../../src/database/old-transactions.ts";
import { caller, until } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { createTestDatabase, testServerUrl } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { typed, type Typed } from "../helpers/terminal.ts";

const NOBODYS = "postgres://me:pa55word@127.0.0.1:1/none";

let service: TestService;
let inbox: Inbox;

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox();
  await caller(service)("webhooks.subscribe", {
    url: inbox.url,
    signature_key: "a secret",
  }).expect(200);
});
afterAll(async () => {
  await inbox.close();
  await service.stop();
});

const env = () => ({
  DATABASE_URL: service.databaseUrl,
  POSTHORN_SECRETS_KEY: SECRETS_KEY,
  POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
});
type Found = { check: string; level: string; found: string; todo: string | null };
async function doctor(more: Record<string, string> = {}, args: string[] = []) {
  const options: Typed = { env: { ...env(), ...more } };
  const { code, out } = await typed(["doctor", "--json", ...args], options);
  const { worst, findings } = JSON.parse(out) as { worst: string; findings: Found[] };
  const of = (check: string) => findings.find((finding) => finding.check === check);
  return { code, worst, findings, of, out };
}

describe("posthorn doctor", () => {
  test("finds nothing wrong beside a service that is well, in less than 3 s, and changes nothing", async () => {
    await query(service.databaseUrl, "select posthorn.publish('message.created', '1')");
    const look = async () => {
      const startedAt = performance.now();
      const found = await doctor({}, ["--url", inbox.url]);
      return { ...found, tookMs: performance.now() - startedAt };
    };
    const { findings, of } = await until(look, ({ tookMs }) => tookMs < 3_000);
    expect(findings.map(({ check }) => check)).toEqual([
      "settings",
      "connection",
      "clock",
      "connections",
      "transactions",
      "schema",
      "rights",
      "sending",
      "partitions",
      "secrets",
      "egress",
    ]);
    for (const check of ["settings", "clock", "schema", "rights", "sending", "secrets", "egress"])
      expect(of(check)).toMatchObject({ level: "ok", todo: null });
    expect(of("egress")?.found).toMatch(/answered 200 in \d+ ms$/);
  });

  test("prints for people: a mark, what is so, and what to do, in 80 columns", async () => {
    const options = { env: { ...env(), POSTHORN_CONCURENCY: "1" } };
    const { out } = await typed(["doctor"], options);
    expect(out).toMatch(
      /^! settings {6}POSTHORN_CONCURENCY is not a setting of this version.*\n(?: {16}.*\n)* {16}→ correct its name, or take it out$/m,
    );
    for (const line of out.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });

  test.each<[string, Record<string, string>, string, RegExp]>([
    [
      "a setting that can't be meant",
      { PORT: "x" },
      "settings",
      /^PORT: a whole number is needed$/,
    ],
    [
      "a database that is not there",
      { DATABASE_URL: NOBODYS },
      "connection",
      /can't be connected to: .*ECONNREFUSED/,
    ],
    [
      "a key that opens nothing",
      { POSTHORN_SECRETS_KEY: randomBytes(32).toString("base64") },
      "secrets",
      /^those of 1 can't be opened/,
    ],
    ["a missing key", { POSTHORN_SECRETS_KEY: "" }, "secrets", /^POSTHORN_SECRETS_KEY: needed/],
  ])("ends with 1 for %s, says what to do, and no secret", async (_, wrong, check, said) => {
    const { code, worst, of, out } = await doctor(wrong);
    expect([code, worst]).toEqual([1, "error"]);
    expect(of(check)).toMatchObject({ level: "error", found: expect.stringMatching(said) });
    expect(of(check)?.todo).not.toBeNull();
    for (const secret of ["pa55word", SECRETS_KEY, "a secret"]) expect(out).not.toContain(secret);
  });

  test("tells a receiver that may not be reached from one that is not there", async () => {
    const private_ = await doctor({ POSTHORN_EGRESS_ALLOW: "" }, ["--url", inbox.url]);
    expect(private_.of("egress")).toMatchObject({
      level: "error",
      found: expect.stringContaining("policy"),
    });
    const absent = await doctor({}, ["--url", "http://127.0.0.1:1/"]);
    expect(absent.of("egress")).toMatchObject({
      level: "error",
      found: expect.stringContaining("connect"),
    });
    const unnamed = await doctor({}, ["--url", "http://no.such.name.invalid/"]);
    expect(unnamed.of("egress")).toMatchObject({
      level: "error",
      found: expect.stringContaining("dns"),
    });
  });

  test("warns of partitions that run out, and of a role that can't make more", async () => {
    const role = `role_${randomBytes(6).toString("hex")}`;
    await query(
      service.databaseUrl,
      `create role ${role} login`,
      `grant usage on schema posthorn to ${role}`,
      `grant select, insert, update, delete on all tables in schema posthorn to ${role}`,
    );
    try {
      const url = new URL(service.databaseUrl);
      url.searchParams.set("user", role);
      const { of } = await doctor({ DATABASE_URL: url.href });
      expect(of("rights")).toMatchObject({ level: "note" });
      await query(service.databaseUrl, `revoke insert on posthorn.webhooks from ${role}`);
      const { code, of: ofClosed } = await doctor({ DATABASE_URL: url.href });
      expect(code).toBe(1);
      expect(ofClosed("rights")).toMatchObject({
        level: "error",
        found: `${role} may not read and write posthorn.webhooks`,
      });
    } finally {
      await query(service.databaseUrl, `drop owned by ${role}`, `drop role ${role}`);
    }
    // A test's database has the tables of a few days alone.
    const { url, drop } = await createTestDatabase();
    const { code, of: ofNew } = await doctor({ DATABASE_URL: url }).finally(drop);
    expect(ofNew("partitions")).toMatchObject({
      level: "warning",
      todo: expect.stringMatching(/posthorn migrate: it makes 14$/),
    });
    expect(code).toBe(5);
  });
});

describe("what is found in a database is judged", () => {
  const mine = { owner: "me", is_owner: true, closed_tables: [] };
  const server = { server: "17.2", role: "me" };
  const used = (sessions: number) => ({ sessions, our_sessions: 3, sessions_max: 100 });
  const open = (age_s: number | null, more: Partial<OpenTransaction> = {}) =>
    [
      {
        pid: 4711,
        gid: null,
        xid: "1",
        role: "report",
        application: "psql",
        state: "idle in transaction",
      },
    ].map((each): OpenTransaction => ({ ...each, since: new Date(), age_s, ...more }));
  const pending = [{ name: "0002_more.sql", locks: [] }];

  test.each<[string, Finding, Level, RegExp]>([
    ["an answer that takes 21 ms", judgeServer(server, 21), "warning", /answers in 21 ms$/],
    ["a clock 1.9 s ahead", judgeClock(1_900), "ok", /agree$/],
    ["a clock 2 s ahead", judgeClock(2_000), "warning", /is 2\.0 s ahead of this machine's$/],
    ["a clock 5 minutes behind", judgeClock(-300_000), "error", /is 300\.0 s behind/],
    ["connections with room", judgeConnections(used(60), 20), "ok", /^60 of 100 are in use, 3 by/],
    [
      "connections for one start",
      judgeConnections(used(80), 20),
      "warning",
      /one more .* takes 20$/,
    ],
    ["connections for none", judgeConnections(used(81), 20), "error", /^81 of 100/],
    ["no open transaction", judgeTransactions([]), "ok", /^none/],
    [
      "one open for a minute",
      judgeTransactions(open(61)),
      "warning",
      /61 s old: pid 4711, role report/,
    ],
    ["one open for an hour", judgeTransactions(open(3_600)), "error", /^1 older than a minute/],
    [
      "one that is prepared",
      judgeTransactions(open(61, { pid: null, gid: "two phases" })),
      "warning",
      /prepared as two phases/,
    ],
    ["one of nobody knows when", judgeTransactions(open(null)), "ok", /^none/],
    ["an older schema", judgeSchema({ version: 1, pending }), "warning", /^version 1, 1 behind/],
    ["tables for six days", judgePartitions(6, { is_owner: true }), "warning", /next 6 days/],
    ["tables for today alone", judgePartitions(0, { is_owner: false }), "error", /next 0 days/],
    [
      "a role of nothing else",
      judgeRights({ ...mine, ...server, is_owner: false }),
      "note",
      /the schema is me's/,
    ],
    [
      "a table that is closed",
      judgeRights({ ...mine, ...server, closed_tables: ["events"] }),
      "error",
      /events$/,
    ],
  ])("%s", (_what, finding, level, found) => {
    expect(finding).toMatchObject({ level, found: expect.stringMatching(found) });
    expect(finding.todo === null).toBe(level === "ok"); // what is bad comes with what to do
  });

  test("where nothing was started yet, nothing is made by looking, and that is no fault", async () => {
    const folder = join(tmpdir(), `posthorn-none-${randomBytes(6).toString("hex")}`);
    const { code, of } = await doctor({ DATABASE_URL: "", POSTHORN_DATA_DIR: folder });
    expect([code, of("connection")?.level, existsSync(folder)]).toEqual([0, "note", false]);
    const name = `test_${randomBytes(8).toString("hex")}`;
    await query(testServerUrl(), `create database ${name}`);
    try {
      const { of } = await doctor({ DATABASE_URL: databaseUrl(testServerUrl(), name) });
      expect(of("schema")).toMatchObject({ level: "note", found: "there is none yet" });
    } finally {
      await query(testServerUrl(), `drop database ${name} with (force)`);
    }
  });

  test("the connections that one more process would take are those of its settings", async () => {
    const { code, of } = await doctor({ POSTHORN_CONNECTIONS: "1000" });
    expect([code, of("connections")?.level]).toEqual([1, "error"]);
    expect(of("connections")?.found).toMatch(/takes 1000$/);
  });
});

describe("posthorn migrate --plan", () => {
  const planned = async (url: string) => {
    const { version, pending } = await planMigrations(url);
    return [version, pending.map(({ name, locks }) => [name, locks])];
  };

  test("changes nothing: names what is missing, and nothing where the schema is current", async () => {
    const [version, nothing] = await planned(service.databaseUrl);
    expect(nothing).toEqual([]);
    const name = `test_${randomBytes(8).toString("hex")}`;
    await query(testServerUrl(), `create database ${name}`);
    try {
      const url = databaseUrl(testServerUrl(), name);
      const [none, all] = await planned(url);
      expect([none, (all as unknown[]).length]).toEqual([0, version]);
      expect(all).toContainEqual(["0001_tables.sql", []]);
      const [found] = await query(url, "select to_regnamespace('posthorn') as schema");
      expect(found?.["schema"]).toBeNull();
    } finally {
      await query(testServerUrl(), `drop database ${name} with (force)`);
    }
  });

  test("tells the strongest lock on each table that is there, and takes no word of a function's body for one", () => {
    const sql = `
      -- alter table posthorn.commented add x int;
      create function posthorn.f() returns void language plpgsql as $f$ begin
        delete from posthorn.in_a_body; end $f$;
      create index on posthorn.events (a) where b;
      alter table posthorn.events add column c int;
      create table posthorn.made (id int references posthorn.keys (id));
      create unique index concurrently i on posthorn.webhooks (x);
      update posthorn.webhooks set y = 1;`;
    expect(locksOf(sql)).toEqual([
      { table: "events", mode: "access exclusive", stops: "everything" },
      { table: "keys", mode: "share row exclusive", stops: "writes" },
      { table: "webhooks", mode: "row exclusive", stops: "nothing" },
    ]);
  });
});
