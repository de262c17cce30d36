// Behind PgBouncer in transaction mode: what a service does there, and what is sent through it for that.
import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, expect } from "@jest/globals";

import { loadConfig } from "../../src/config.ts";
import { connect } from "../../src/database/connect.ts";
import { openDatabase } from "../../src/database/open.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { isDatabaseAway, isOwnFault } from "../../src/kernel/faults.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { ask } from "../helpers/ask.ts";
import { caller, until } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { createTestDatabase, testServerUrl } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox } from "../helpers/inbox.ts";
import { keepsNames, startPgBouncer, type PgBouncer } from "../helpers/pgbouncer.ts";
import { testWith } from "../helpers/programs.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";
import { startTap, type Tap } from "../helpers/statements.ts";
import { type } from "../helpers/terminal.ts";

const test = testWith({ pgbouncer: ["--version"] });
const POOLER = keepsNames() ? "transaction-named" : "transaction"; // as what is installed can do
const MIXES_NAMES = keepsNames() ? { max_prepared_statements: 0 } : {};
const NAME = `pooled_${randomBytes(6).toString("hex")}`; // a role, and the database that it owns
const SWALLOWED = "options,statement_timeout,lock_timeout,idle_in_transaction_session_timeout";

let direct: string;
let pooler: PgBouncer;
let tap: Tap;
let env: Record<string, string>;

beforeAll(async () => {
  await query(testServerUrl(), `create role ${NAME} login`);
  await query(testServerUrl(), `create database ${NAME} owner ${NAME}`);
  const url = new URL(databaseUrl(testServerUrl(), NAME));
  url.searchParams.set("user", NAME);
  direct = url.href;
  pooler = await startPgBouncer(testServerUrl(), { admin_users: NAME });
  tap = await startTap(pooler.url(direct));
  env = { DATABASE_URL: tap.url, DATABASE_DIRECT_URL: direct, POSTHORN_POOLER: POOLER };
});
afterAll(async () => {
  await tap.close();
  await pooler.remove();
});

const refusal = (settings: Record<string, string>) =>
  startTestService(settings).then(
    async (service) => `it has started${String(await service.stop())}`,
    (error: unknown) => (error as Error).message,
  );

// A role whose sessions lack something is refused once the schema is made.
test("two starts that migrate at once both do, past the pooler, and leave no lock on a session", async () => {
  for (const line of await Promise.all([refusal(env), refusal(env)]))
    expect(line).toMatch(
      new RegExp(
        `^DATABASE_URL: behind a pooler [^\\n]* search_path is [^\\n]*: alter role ${NAME} in database ${NAME} set search_path = pg_catalog, posthorn, pg_temp \\(and \\d+ more: posthorn pooler prints them all\\)[^\\n]*$`,
      ),
    );
  const [made, held] = [
    "select from posthorn.migrations",
    "select from pg_locks as l join pg_database as d on d.oid = l.database where locktype = 'advisory' and datname = current_database()",
  ];
  expect((await query(direct, made)).length).toBeGreaterThan(0);
  expect(await query(direct, held)).toEqual([]);
});

test("a pooler that nobody has named stops the start with one line that names both settings", async () => {
  expect(await refusal({ DATABASE_URL: tap.url })).toMatch(
    /^DATABASE_URL: it leads to a pooler \(unsupported startup parameter[^)\n]*options[^)\n]*\): set POSTHORN_POOLER to transaction, and DATABASE_DIRECT_URL to [^\n]*$/,
  );
});

test("posthorn pooler prints what a role lacks for its sessions, and then nothing more", async () => {
  const printed = type(["pooler"], { env });
  expect(await printed.code).toBe(0);
  expect(printed.out).toContain("set statement_timeout = '20s';\n");
  await query(direct, printed.out);
  await query(pooler.url(databaseUrl(direct, "pgbouncer")), "reconnect");
  const again = type(["pooler"], { env });
  expect([await again.code, again.out]).toEqual([0, ""]);
  const doctor = type(["doctor", "--json"], { env });
  await doctor.code;
  expect(doctor.out).toContain('{"check":"pooler","level":"ok"');
});

test("one that swallows what it is asked is found out all the same, whatever the role sets", async () => {
  const swallowing = await startPgBouncer(testServerUrl(), {
    ignore_startup_parameters: SWALLOWED,
    default_pool_size: 1,
    ...MIXES_NAMES,
  });
  const url = swallowing.url(direct);
  const words =
    /^(\w+): it leads to a pooler that hands sessions around by transactions: set POSTHORN_POOLER/;
  expect(words.exec(await refusal({ DATABASE_URL: url }))?.[1]).toBe("DATABASE_URL");
  const both = { ...env, DATABASE_DIRECT_URL: url };
  expect(words.exec(await refusal(both))?.[1]).toBe("DATABASE_DIRECT_URL");
  const { pool, close } = connect(url, { name: "test", max: 2, log: silentLog });
  const clients = [await pool.connect(), await pool.connect()] as const;
  await clients[0].query({ name: "a", text: "select 1" });
  const prepared = clients[1].query({ name: "a", text: "select 1" });
  const error: unknown = await prepared.catch((refused: unknown) => refused);
  expect(error).toMatchObject({ code: "42P05" });
  expect([isDatabaseAway(error), isOwnFault(error)]).toEqual([true, false]); // no row is to blame
  for (const client of clients) client.release();
  await close();
  await swallowing.remove();
});

test("names that it does not keep apart, and a way to another database, stop the start with one line each", async () => {
  const mixing = await startPgBouncer(testServerUrl(), MIXES_NAMES);
  const named = { DATABASE_URL: mixing.url(direct), POSTHORN_POOLER: "transaction-named" };
  expect(await refusal({ ...env, ...named })).toMatch(
    /^POSTHORN_POOLER: transaction-named needs [^\n]*PgBouncer 1\.21[^\n]*$/,
  );
  await mixing.remove();
  const other = await createTestDatabase();
  expect(await refusal({ ...env, DATABASE_DIRECT_URL: other.url })).toMatch(
    /^DATABASE_URL: it leads to another database[^\n]*$/,
  );
  await other.drop();
  expect(() => loadConfig({ DATABASE_URL: tap.url, POSTHORN_POOLER: "transaction" })).toThrow(
    /^POSTHORN_POOLER: needs DATABASE_DIRECT_URL/,
  );
});

test("webhooks are kept from the pooler and from the database behind it", async () => {
  const config = loadConfig({ ...env, POSTHORN_SECRETS_KEY: SECRETS_KEY });
  const database = await openDatabase(config, silentLog, { seed: writeCatalogue });
  expect(database.endpoints()).toEqual([
    { address: "0.0.0.0", port: tap.port }, // all of this machine's addresses
    { address: "0.0.0.0", port: 5432 },
  ]);
  await database.close();
});

test("all goes on behind it: both doors, retries, order, pauses and replays", async () => {
  const inbox = await startInbox(({ path }, n) => ({
    status: path === "/hook/flaky" && n < 3 ? 500 : 200,
  }));
  const service = await startTestService(env);
  const post = caller(service);
  const subscribe = async (path: string, settings: object) =>
    (await post("webhooks.subscribe", { url: `${inbox.url}/${path}`, ...settings }).expect(200))
      .body.id as string;
  const at = (path: string) => inbox.requests.filter((each) => each.path === `/hook/${path}`);
  const arrived = (path: string, count: number) =>
    until(
      () => Promise.resolve(at(path)),
      (found) => found.length >= count,
    );

  await subscribe("flaky", { retry_schedule_s: [1, 1, 1] });
  const paused = await subscribe("paused", { paused: true });
  await subscribe("ordered", { order: "webhook" });
  const events = Array.from({ length: 20 }, (_, n) => ({
    type: "message.created",
    payload: { n },
  }));
  await post("events.publish_many", { events }).expect(200);
  await query(
    tap.url,
    "select posthorn.publish(type => 'message.created', payload => '{\"n\":20}')",
  );
  await post("events.publish", {
    type: "message.created",
    payload: { n: 21 },
    idempotency_key: "once",
  }).expect(200);
  const { body } = await post("events.publish", {
    type: "message.created",
    payload: { n: 21 },
    idempotency_key: "once",
  });
  expect(body.duplicate).toBe(true);

  await arrived("ordered", 22);
  expect(at("ordered").map(({ body }) => JSON.parse(body).payload.n)).toEqual(
    Array.from({ length: 22 }, (_, n) => n),
  );
  const ok = await until(
    async () => (await post("deliveries.list", { status: "delivered", page_size: 200 })).body.data,
    (data) => data.length === 44,
  );
  expect(ok).toHaveLength(44);
  expect(at("paused")).toEqual([]);
  await post("webhooks.update", { id: paused, paused: false }).expect(200);
  await arrived("paused", 22);
  await until(
    async () => (await post("webhooks.info", { id: paused })).body.counters.pending,
    (pending) => pending === 0,
  );
  const replay = await post("webhooks.replay", {
    id: paused,
    since: new Date(0).toISOString(),
  }).expect(200);
  expect(replay.body.matched).toBe(22);
  await arrived("paused", 44);
  await service.stop();
  await inbox.close();
});

test("the pooler killed and started again: nothing is lost, and nothing is ready meanwhile", async () => {
  const inbox = await startInbox();
  const service = await startTestService(env, { role: "api" });
  const worker = await startTestService(env, { role: "worker" });
  const post = caller(service);
  const { body } = await post("webhooks.subscribe", { url: inbox.url }).expect(200);
  const published = new Set<string>();
  const publish = async () => {
    const answer = await post("events.publish", { type: "message.created", payload: 1 });
    if (answer.status === 200) published.add(answer.body.id);
    return answer.status;
  };
  const readiness = async (of: TestService) => (await ask(`${of.url}/readyz`)).status;
  await publish();
  await inbox.arrived(1);
  await pooler.kill();
  const meanwhile = publish();
  await until(
    () => readiness(worker),
    (status) => status === 503,
  );
  await pooler.start();
  for (const each of [service, worker])
    await until(
      () => readiness(each),
      (status) => status === 200,
    );
  expect([200, 503]).toContain(await meanwhile);
  for (let n = 0; n < 5; n++) await until(publish, (status) => status === 200);
  await until(
    async () => (await post("webhooks.info", { id: body.id })).body.counters?.delivered,
    (count) => count === published.size,
  );
  const ids = new Set(inbox.requests.map(({ headers }) => String(headers["webhook-id"])));
  expect(ids).toEqual(published);
  await worker.stop();
  await service.stop();
  await inbox.close();
});

// What a session keeps beyond its transaction is the next one's, or is looked for where it is not.
test("a cell behind it is reached past it by POSTHORN_CELLS_DIRECT, and posthorn pooler --cell prints what its role lacks", async () => {
  await query(testServerUrl(), `create database ${NAME}_us owner ${NAME}`);
  const usDirect = databaseUrl(direct, `${NAME}_us`);
  const settings = {
    ...env,
    POSTHORN_CELLS: `us=${pooler.url(usDirect)}`,
    POSTHORN_CELLS_DIRECT: `us=${usDirect}`,
    POSTHORN_DEFAULT_CELL: "us",
  };
  expect(await refusal(settings)).toMatch(
    /^POSTHORN_CELLS, us: behind a pooler [^\n]* search_path is [^\n]*$/,
  );
  const printed = type(["pooler", "--cell", "us"], { env: settings });
  expect(await printed.code).toBe(0);
  await query(usDirect, printed.out);
  await query(pooler.url(databaseUrl(direct, "pgbouncer")), "reconnect");
  const { POSTHORN_CELLS_DIRECT: _, ...without } = settings;
  expect(await refusal(without)).toMatch(
    /^POSTHORN_CELLS, us: it leads to a pooler [^\n]*POSTHORN_CELLS_DIRECT, us[^\n]*$/,
  );
  const inbox = await startInbox();
  const service = await startTestService(settings);
  const post = caller(service, { "X-Tenant": "pooled" });
  await post("webhooks.subscribe", { url: inbox.url }).expect(200);
  await post("events.publish", { type: "message.created", payload: 1 }).expect(200);
  await inbox.arrived(1);
  expect(await query(usDirect, "select from posthorn.events")).toHaveLength(1);
  await service.stop();
  await inbox.close();
});

const OF_A_SESSION = [
  /pg_(try_)?advisory_lock/i,
  /^\s*(un)?listen\b/i,
  /(^|;)\s*set (?!local\b)/i,
  /set_config\([^)]*false\)/i,
  /\btemp(orary)?\s+table\b/i,
  /^\s*(prepare|deallocate|declare|load|discard)\b/i,
];

test("of all that was sent through the pooler nothing stays with a session: no lock, setting, listening, table or name", async () => {
  expect(tap.sent.length).toBeGreaterThan(POOLER === "transaction" ? 500 : 200); // a name is sent once
  const staying = tap.sent.filter(
    ({ name, text }) =>
      (name !== "" && POOLER === "transaction") || OF_A_SESSION.some((kind) => kind.test(text)),
  );
  await Promise.resolve();
  expect([...new Set(staying.map(({ text }) => text))]).toEqual([]);
});
