// Commands beside the databases of several cells: over all of them where one means that, or the one that `--cell` names.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { caller } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { posthorn } from "../helpers/process.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { typed } from "../helpers/terminal.ts";

const AWAY = "postgres://me:pa55word@127.0.0.1:1/none";

let home: TestDatabase;
let us: TestDatabase;
let service: TestService;
let env: Record<string, string>;

// Its start marks both.
beforeAll(async () => {
  [home, us] = [await createTestDatabase(), await createTestDatabase()];
  env = {
    DATABASE_URL: home.url,
    POSTHORN_CELLS: `us=${us.url}`,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
  };
  await query(
    home.url,
    "insert into posthorn.placements (tenant, cell) values ('over-there', 'us')",
  );
  service = await startTestService(env, { role: "api" });
});
afterAll(async () => {
  await service.stop();
  await Promise.all([home.drop(), us.drop()]);
});

const run = (args: string[], more: Record<string, string> = {}) =>
  typed(args, { env: { ...env, ...more } });
const lines = (text: string): unknown[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
const isPaused = async (database: TestDatabase) =>
  (await query(database.url, "select from posthorn.settings where name = 'paused_since'"))
    .length === 1;

test("pause-all and resume-all are of all cells, or of the one that is named", async () => {
  const paused = await run(["pause-all"]);
  expect([paused.code, paused.out]).toEqual([
    0,
    expect.stringMatching(/^home: All sending is paused.*\nus: All sending is paused.*\n$/),
  ]);
  expect([await isPaused(home), await isPaused(us)]).toEqual([true, true]);
  const resumed = await run(["resume-all", "--cell", "us", "--json"]);
  expect(lines(resumed.out)).toMatchObject([{ cell: "us", held: null, was: "paused" }]);
  expect([await isPaused(home), await isPaused(us)]).toEqual([true, false]);
  expect((await run(["resume-all"])).code).toBe(0);
  expect([await isPaused(home), await isPaused(us)]).toEqual([false, false]);
});

test("a cell that can't be reached is told by its setting, and keeps no other from being paused", async () => {
  const { code, out, err } = await run(["pause-all"], { POSTHORN_CELLS: `us=${AWAY}` });
  expect([code, out]).toEqual([3, expect.stringContaining("home: All sending is paused")]);
  expect(err).toMatch(/^posthorn: POSTHORN_CELLS, us: the database can't be connected to: .*\n$/);
  expect(err).not.toContain("pa55word");
  await run(["resume-all"]);
});

test("the doctor looks at each cell, whether it is the one that it is taken for, and what and who waits in it", async () => {
  type Found = { cell?: string; check: string; level: string; found: string };
  const look = async (args: string[], more?: Record<string, string>) =>
    (JSON.parse((await run(["doctor", "--json", ...args], more)).out) as { findings: Found[] })
      .findings;
  const all = await look([]);
  expect([...new Set(all.map(({ cell }) => cell))]).toEqual([undefined, "home", "us"]);
  expect(all.filter(({ check }) => /^(cell|forwards|moves)$/.test(check))).toMatchObject(
    ["home", "us"].flatMap((cell) => [
      { cell, check: "cell", level: "ok" },
      { cell, check: "forwards", level: "ok" },
      { cell, check: "moves", level: "ok" },
    ]),
  );
  for (const { url } of [home, us])
    await query(
      url,
      "insert into posthorn.placements (tenant, cell, moving_to) values ('leaving', 'us', 'home')",
    );
  const leaving = await look([]);
  expect(leaving.filter(({ check }) => check === "moves")).toMatchObject([
    { cell: "home", level: "ok" },
    { cell: "us", level: "warning", found: expect.stringMatching(/: leaving \(to home\)$/) },
  ]);
  for (const { url } of [home, us])
    await query(url, "delete from posthorn.placements where tenant = 'leaving'");
  const wrong = await look(["--cell", "eu"], { POSTHORN_CELLS: `eu=${us.url}` });
  expect(wrong.find(({ check }) => check === "cell")).toMatchObject({ cell: "eu", level: "error" });
  const away = await look([], { POSTHORN_CELLS: `us=${AWAY}` });
  expect(away.filter(({ cell }) => cell === "us")).toMatchObject([
    { level: "error", found: expect.stringContaining("POSTHORN_CELLS, us: ") },
  ]);
});

test("sql and database export work on the cell that is named; one that there is not is a usage error", async () => {
  const own = ["select current_database() as name", "--json"];
  const name = (database: TestDatabase) => ({ name: new URL(database.url).pathname.slice(1) });
  expect(lines((await run(["sql", ...own])).out)).toEqual([name(home)]);
  expect(lines((await run(["sql", "--cell", "us", ...own])).out)).toEqual([name(us)]);
  const folder = await mkdtemp(join(tmpdir(), "posthorn-cell-"));
  const exported = await run(["database", "export", "--cell", "us", join(folder, "us")]);
  expect([exported.code, exported.out]).toEqual([0, expect.stringContaining("Exported")]);
  await rm(folder, { recursive: true });
  const unknown = await run(["sql", "--cell", "mars", "select 1"]);
  expect([unknown.code, unknown.err]).toEqual([
    2,
    "posthorn: --cell: there is no cell mars; those there are: home, us\n",
  ]);
});

test("an API key is made in its tenant's cell, and found and ended wherever it is", async () => {
  const make = await posthorn(
    ["keys", "create", "--name", "k", "--scope", "read", "--tenant", "over-there"],
    env,
  );
  expect(await make.exited).toMatchObject({ code: 0 });
  const key = make.stdout.trim();
  const call = caller({ url: service.url, adminKey: key });
  await call("webhooks.list").expect(200);
  const kept = await query(
    us.url,
    "select id::text from posthorn.keys where tenant = 'over-there'",
  );
  const id = `key_${String(kept[0]?.["id"]).replaceAll("-", "")}`;
  const list = await posthorn(["keys", "list", "--tenant", "over-there"], env);
  expect(await list.exited).toMatchObject({ code: 0 });
  expect(list.stdout).toContain(id);
  const revoke = await posthorn(["keys", "revoke", id], env);
  expect(await revoke.exited).toMatchObject({ code: 0 });
  await call("webhooks.list").expect(401);
});

test("migrate is of all cells, home first; its plan names each", async () => {
  const lastDay = new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10);
  const isThere = async ({ url }: TestDatabase) =>
    (
      await query(
        url,
        `select to_regclass('posthorn.events_p${lastDay.replaceAll("-", "")}') as it`,
      )
    )[0];
  const plan = await posthorn(["migrate", "--plan"], env);
  expect(await plan.exited).toMatchObject({ code: 0 });
  expect(plan.stdout).toMatch(
    /^Cell home\nNothing would run: [^\n]*\nCell us\nNothing would run: [^\n]*\n$/,
  );
  const migrate = await posthorn(["migrate", "--days", "10"], env);
  expect(await migrate.exited).toMatchObject({ code: 0 });
  for (const database of [home, us])
    expect(await isThere(database)).toEqual({ it: expect.any(String) });
});

// The last: the service that the others share has the old key.
test("the secrets key is rotated, and given up where it is lost, in all cells", async () => {
  for (const tenant of ["here", "over-there"])
    await caller(service, { "X-Tenant": tenant })("webhooks.subscribe", {
      url: "http://127.0.0.1:9/",
      generate_signature_key: true,
    }).expect(200);
  const [newer, newest] = [8, 9].map((byte) => Buffer.alloc(32, byte).toString("base64"));
  const secrets = async (command: string, key: string) => {
    const run = await posthorn(["secrets", command], { ...env, POSTHORN_SECRETS_KEY: key });
    expect(await run.exited).toMatchObject({ code: 0 });
    return run.stderr;
  };
  const rotated = await secrets("rotate", `${newer},${SECRETS_KEY}`);
  expect(rotated).toMatch(/^home: Done: 1 values sealed anew, /m);
  expect(rotated).toMatch(/^us: Done: 1 values sealed anew, /m);
  const abandoned = await secrets("abandon", newest ?? "");
  expect(abandoned).toMatch(/^home: /m);
  expect(abandoned).toMatch(/^us: /m);
});
