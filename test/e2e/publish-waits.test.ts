// Publishing while the database is away: calls wait, and each event is stored once.
import { randomUUID } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { createClient } from "../../src/client/index.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { query } from "../helpers/embedded.ts";
import { startPostgres, type Postgres } from "../helpers/postgres.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

const TYPE = "message.created";
const event = (extra: object = {}) => ({ type: TYPE, payload: { n: 1 }, ...extra });

let postgres: Postgres;
let proxy: DatabaseProxy;
let service: TestService;
let tenant: string;
let post: Call;
let publish: Call; // by a key that is looked up in the database

const stored = async () =>
  Number(
    (
      await query(
        postgres.url,
        `select count(*) as n from posthorn.events where tenant = '${tenant}'`,
      )
    )[0]?.["n"],
  );
const asTenant = (key = service.adminKey) =>
  caller({ url: service.url, adminKey: key }, { "X-Tenant": tenant });
const newKey = async () =>
  (await post("keys.create", { name: "p", scope: "publish", tenant })).body;
/** Resolves when the service has noticed that there is no database. */
const isAway = () =>
  until(
    async () => (await post("webhooks.list")).status,
    (status) => status === 503,
  );

beforeAll(async () => {
  postgres = await startPostgres();
  proxy = await startDatabaseProxy(postgres.url);
  // Longer than its ten seconds: on a busy machine a database takes its time to start.
  service = await startTestService({ DATABASE_URL: proxy.url }, { role: "api", waitMs: 60_000 });
});
beforeEach(async () => {
  tenant = `tenant-${randomUUID()}`;
  post = asTenant();
  const { key } = await newKey();
  publish = asTenant(key);
  await publish("events.publish", event()).expect(200);
});
afterEach(async () => {
  proxy.loseAnswersTo(null);
  if (!postgres.isRunning()) await postgres.start();
});
afterAll(async () => {
  await service.stop();
  await proxy.close();
  await postgres.remove();
});

test("a database that is stopped under load and started again costs no refusal; each event is stored once, by every door", async () => {
  const client = createClient({ url: service.url, apiKey: service.adminKey, tenant });
  const ways: ((n: number) => Promise<string | undefined>)[] = [
    async () => (await publish("events.publish", event()).expect(200)).body.id,
    async (n) =>
      (await publish("events.publish", event({ idempotency_key: `k${n}` })).expect(200)).body.id,
    async () =>
      (await publish("events.publish_many", { events: [event()] }).expect(200)).body.data[0].id,
    async () => (await client.events.publish.mutate(event())).id,
  ];
  const calls: Promise<string | undefined>[] = [];
  let underWay = 0;
  let most = 60;
  const timer = setInterval(() => {
    if (underWay > most) return;
    for (const way of ways) {
      underWay++;
      calls.push(way(calls.length).finally(() => underWay--));
    }
  }, 50); // 80 a second: the callers share the service's process
  await until(
    () => Promise.resolve(calls.length),
    (count) => count > 20,
  );
  await postgres.stop("immediate");
  await isAway();
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
  const before = calls.length;
  most = 200; // more of one key are told to come again
  await until(
    () => Promise.resolve(calls.length),
    (count) => count > before + 100,
  );
  await postgres.start();
  await calls.at(-1);
  clearInterval(timer);
  const ids = await Promise.all(calls);
  expect(new Set(ids).size).toBe(calls.length);
  expect(await stored()).toBe(calls.length + 1);
});

describe("a publish whose answer is lost", () => {
  test.each([
    ["alone", "events.publish", event()],
    ["with a key", "events.publish", event({ idempotency_key: "once" })],
    ["in a list", "events.publish_many", { events: [event(), event({ idempotency_key: "two" })] }],
  ])(
    "(%s) is tried again, and answered with what the first try has stored",
    async (_, op, body) => {
      await post("webhooks.subscribe", { url: "http://127.0.0.1:9/" }).expect(200);
      const [before, lost] = [await stored(), proxy.lost];
      proxy.loseAnswersTo(/store_events|publish( within)?\0/);
      const asking = publish(op, body).then((answer) => answer);
      await until(
        () => Promise.resolve(proxy.lost),
        (count) => count > lost,
      );
      proxy.loseAnswersTo(null);
      const answer = await asking;
      expect(answer.status).toBe(200);
      const all = answer.body.data ?? [answer.body];
      for (const { deliveries, duplicate } of all)
        expect([deliveries, duplicate]).toEqual([1, false]);
      expect(await stored()).toBe(before + Number(all.length));
    },
  );

  test("waits for the first try where that still runs, and is one event", async () => {
    const [before, lost] = [await stored(), proxy.lost];
    const { Client } = (await import("pg")).default;
    const other = new Client({ connectionString: postgres.url });
    await other.connect();
    await other.query("begin; lock table posthorn.events in share row exclusive mode");
    const asking = publish("events.publish", event()).then((answer) => answer);
    await untilWaiting(other);
    proxy.cut(); // the first try's server process does not notice before it has an answer
    expect(proxy.lost).toBe(lost);
    await untilWaiting(other, 2);
    await other.query("commit");
    await other.end();
    expect((await asking).status).toBe(200);
    expect(await stored()).toBe(before + 1);
  });
});

test("while the database takes no writes a publish waits, and is stored when it does", async () => {
  const asked = await stored();
  await query(postgres.url, "alter system set default_transaction_read_only = on");
  await query(postgres.url, "select pg_reload_conf()");
  await until(
    async () => (await publish("events.publish", event()).set("Prefer", "wait=0")).status,
    (status) => status === 503,
  );
  const before = await stored();
  expect(before).toBeGreaterThanOrEqual(asked);
  const waiting = publish("events.publish", event()).then((answer) => answer);
  await query(postgres.url, "alter system reset default_transaction_read_only");
  await query(postgres.url, "select pg_reload_conf()");
  expect((await waiting).status).toBe(200);
  expect(await stored()).toBe(before + 1);
});

describe("while the database is stopped", () => {
  test("a call waits no longer than it prefers, and is told whether anything was sent", async () => {
    await postgres.stop("fast");
    await isAway();
    const [waited, atOnce] = await Promise.all([
      publish("events.publish", event()).set("Prefer", "respond-async, wait=1"),
      publish("events.publish", event()).set("Prefer", "wait=0"),
    ]);
    expect(waited).toMatchObject({ status: 503, body: { code: "not_stored" } });
    expect(waited.headers["retry-after"]).toBe("1");
    expect(atOnce).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
    expect(atOnce.headers["retry-after"]).toBe("1");
    expect(waited.text).not.toMatch(/ENOENT|ECONN|socket|\/tmp|select|posthorn\./i);
  });

  test("a key that was not valid lately is told 503 at once, and one that is revoked meanwhile 401 when it is back", async () => {
    const revoked = await newKey();
    const unused = asTenant((await newKey()).key);
    await asTenant(revoked.key)("events.publish", event()).expect(200);
    await postgres.stop("fast");
    await isAway();
    const before = performance.now();
    expect((await unused("events.publish", event())).status).toBe(503);
    expect(performance.now() - before).toBeLessThan(30_000); // others wait for a minute
    const waiting = asTenant(revoked.key)("events.publish", event()).then((answer) => answer);
    proxy.refuse(/posthorn /); // the service finds no way, the test does
    await postgres.start();
    const uuid = revoked.id.slice(4);
    await query(postgres.url, `update posthorn.keys set revoked_at = now() where id = '${uuid}'`);
    const count = await stored();
    proxy.refuse(null);
    expect((await waiting).status).toBe(401);
    expect(await stored()).toBe(count);
  });

  test("a client that gives up and tries again has one event", async () => {
    const before = await stored();
    await postgres.stop("fast");
    await isAway();
    const options = {
      method: "POST",
      headers: { authorization: `Bearer ${service.adminKey}`, "content-type": "application/json" },
      body: JSON.stringify(event()),
    };
    const ask = (signal: AbortSignal) =>
      fetch(`${service.url}/events.publish`, {
        ...options,
        headers: { ...options.headers, "x-tenant": tenant },
        signal,
      });
    await expect(ask(AbortSignal.timeout(500))).rejects.toThrow();
    const again = ask(AbortSignal.timeout(100_000));
    await postgres.start();
    expect((await again).status).toBe(200);
    expect(await stored()).toBe(before + 1);
  });

  test("a stop answers those that wait at once", async () => {
    const settings = { DATABASE_URL: proxy.url };
    const other = await startTestService(settings, { role: "api", waitMs: 60_000 });
    await postgres.stop("fast");
    const ask = caller(other, { "X-Tenant": tenant });
    await until(
      async () => (await ask("webhooks.list")).status,
      (status) => status === 503,
    );
    const waiting = ask("events.publish", event()).then((answer) => answer);
    const half = ask("events.publish", event()).set("Prefer", "wait=1"); // the other is in the room by then
    await half;
    const startedAt = performance.now();
    const stopped = other.stop();
    expect(await waiting).toMatchObject({ status: 503, body: { code: "not_stored" } });
    expect((await waiting).body.message).toContain("stopping");
    expect(performance.now() - startedAt).toBeLessThan(30_000); // not the minute that they would wait for
    await stopped;
  });
});
