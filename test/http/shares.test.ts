// One tenant's calls take all that they can: the others' go on.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

let service: TestService;
let stranger: pg.Client; // holds locks that calls have to wait for
let watcher: pg.Client;
let hostile: Call;
let other: Call;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  [stranger, watcher] = [0, 1].map(
    () => new pg.Client({ connectionString: service.databaseUrl }),
  ) as [pg.Client, pg.Client];
  await stranger.connect();
  await watcher.connect();
  const admin = caller(service);
  [hostile, other] = (await Promise.all(
    ["hostile", "other"].map(async (tenant) => {
      const made = await admin("keys.create", { name: tenant, scope: "manage", tenant });
      return caller(service, { Authorization: `Bearer ${made.body.key}` });
    }),
  )) as [Call, Call];
});
afterAll(async () => {
  await stranger.end();
  await watcher.end();
  await service.stop();
});

/** What another tenant does, all of it once. */
async function othersGoOn(): Promise<void> {
  const publishing = caller(service, { "X-Tenant": "other" });
  await Promise.all([
    publishing("events.publish", { type: "message.created", payload: 1 }).expect(200),
    publishing("events.publish", {
      type: "message.created",
      payload: 1,
      idempotency_key: `${Math.random()}`,
    }).expect(200),
    other("webhooks.list").expect(200),
    other("deliveries.list").expect(200),
    other("webhooks.subscribe", { url: "https://example.com/" }).expect(200),
  ]);
  expect((await fetch(`${service.url}/readyz`)).status).toBe(200);
}

/** Keeps so many calls under way until the end, each that is answered made anew; answers the statuses of all. */
function keepUp(count: number, call: (n: number) => PromiseLike<{ status: number }>) {
  let isOver = false;
  const lanes = Array.from({ length: count }, async (_, n) => {
    const statuses: number[] = [];
    do statuses.push((await call(n)).status);
    while (!isOver);
    return statuses;
  });
  return async () => {
    isOver = true;
    return (await Promise.all(lanes)).flat();
  };
}

test("while one tenant's thirty slow lists hold on, another's publishes, lists and changes are answered, and /readyz", async () => {
  await stranger.query("begin; lock table posthorn.replays in access exclusive mode");
  const end = keepUp(30, () => hostile("replays.list"));
  await untilWaiting(stranger);
  await othersGoOn();
  await othersGoOn();
  await untilWaiting(stranger); // they still do
  const statuses = await end(); // given up after a second each, or told to come again
  await stranger.query("rollback");
  expect(statuses.filter((status) => status !== 503 && status !== 429)).toEqual([]);
  await hostile("replays.list").expect(200);
});

test("sixty updates of one webhook keep one connection waiting for its lock, and all others go on", async () => {
  const { id } = (await hostile("webhooks.subscribe", { url: "https://example.com/" })).body;
  await stranger.query("begin");
  await stranger.query("select from posthorn.webhooks where id = $1 for update", [id]);
  const end = keepUp(60, (n) => hostile("webhooks.update", { id, name: `${n}` }));
  await untilWaiting(stranger);
  await othersGoOn();
  await hostile("webhooks.list").expect(200); // its own other calls too
  expect(await untilWaiting(stranger)).toBe(1);
  await stranger.query("commit");
  const statuses = await end();
  expect(new Set(statuses.filter((status) => status !== 200))).toEqual(
    new Set(statuses.filter((status) => status === 503 || status === 429)),
  );
  expect(statuses).toContain(200);
});

test("an update that changes no route of two thousand rewrites none, and one that changes some writes those alone", async () => {
  const events = Array.from({ length: 20 }, (_, n) => `type${n}.*`);
  const channels = Array.from({ length: 100 }, (_, n) => `line ${n}`);
  const { id } = (
    await hostile("webhooks.subscribe", { url: "https://example.com/", events, channels })
  ).body;
  const routes = async () =>
    (
      await watcher.query<{ row: string }>(
        `select r.ctid || ' ' || r.xmin || ' ' || type_pattern || ' ' || channel as row
         from posthorn.routes as r join posthorn.webhooks using (webhook_id) where id = $1 order by row`,
        [id],
      )
    ).rows.map(({ row }) => row);
  const before = await routes();
  expect(before).toHaveLength(2_000);
  await hostile("webhooks.update", { id, name: "renamed" }).expect(200);
  await hostile("webhooks.update", { id, events: events.toReversed() }).expect(200);
  expect(await routes()).toEqual(before);
  await hostile("webhooks.update", { id, events: [...events.slice(1), "other.*"] }).expect(200);
  const after = await routes();
  expect(after).toHaveLength(2_000);
  expect(after.filter((row) => !before.includes(row))).toHaveLength(100);
  await hostile("webhooks.unsubscribe", { id }).expect(200);
  expect(await routes()).toEqual([]);
});

test("a call that waits for a stranger's lock is told within seconds that nothing was stored", async () => {
  const { id } = (await hostile("webhooks.subscribe", { url: "https://example.com/" })).body;
  await stranger.query("begin");
  await stranger.query("select from posthorn.webhooks where id = $1 for update", [id]);
  const answer = await hostile("webhooks.update", { id, name: "late" });
  expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
  expect(answer.body.message).toContain("nothing was stored");
  await stranger.query("rollback");
  expect((await hostile("webhooks.info", { id })).body.name).toBeNull();
});

test("what is refused leaves its connection open, so that others need not connect anew", async () => {
  const publish = caller(service);
  const sessions = async () =>
    (
      await watcher.query<{ pid: number }>(
        "select pid from pg_stat_activity where application_name = 'posthorn publishing' and datname = current_database() order by pid",
      )
    ).rows.map(({ pid }) => pid);
  const before = await sessions();
  for (let n = 0; n < 10; n++)
    await publish("events.publish", { type: "no.such.type", payload: n }).expect(400);
  expect((await sessions()).slice(0, before.length)).toEqual(before);
});
