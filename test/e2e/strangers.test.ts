// A role that may only publish, and create in `public`, never gets the rights of the service or of a superuser.
import { randomBytes } from "node:crypto";

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { connect } from "../../src/database/connect.ts";
import { retirePartitions } from "../../src/queue/retention.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { testServerUrl } from "../helpers/database.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { plant } from "../helpers/strangers.ts";

const STRANGER = `stranger_${randomBytes(4).toString("hex")}`;
const NAME = `test_${randomBytes(8).toString("hex")}`;
const url = databaseUrl(testServerUrl(), NAME);

let stranger: Awaited<ReturnType<typeof plant>>;
let superuser: pg.Client;
let service: TestService | undefined;
let inbox: Inbox;
let post: Call;

beforeAll(async () => {
  await query(testServerUrl(), `create database ${NAME}`, `create role ${STRANGER} login`);
  stranger = await plant(url, STRANGER);
  superuser = new pg.Client({ connectionString: url });
  await superuser.connect();
  // More than a stranger can do: what is planted goes before everything in whoever has not said otherwise.
  await superuser.query("set search_path = public, pg_catalog");
  inbox = await startInbox(({ path }) => ({ status: path === "/fails" ? 500 : 200 }));
});

afterAll(async () => {
  await service?.stop();
  await inbox.close();
  await superuser.end();
  await stranger.close();
  await query(testServerUrl(), `drop database ${NAME} with (force)`, `drop role ${STRANGER}`);
});

type Delivery = { id: string; status: string };
const NOTHING = { count: 0, what: [] };

test("what is planted does run in a session that finds it", async () => {
  expect(stranger.inUse.functions).toEqual(expect.arrayContaining(["lpad", "concat", "now"]));
  expect(stranger.inUse.operators).toEqual(expect.arrayContaining(["=", "*", "||", "<>"]));
  expect(stranger.planted.operators).toBeGreaterThan(5_000);
  expect(stranger.planted.functions).toBeGreaterThan(2_000);
  await superuser.query("begin");
  await superuser.query("set local search_path = pg_catalog, public");
  await superuser.query("select 1 * interval '1 second'");
  await superuser.query("rollback");
  expect((await stranger.ran())?.count).toBe(1);
  await superuser.query("select pg_catalog.setval('public.ran', 1, false)");
  expect(await stranger.ran()).toEqual(NOTHING);
});

test("nothing of it runs while the service migrates, and does all that it does", async () => {
  service = await startTestService({ DATABASE_URL: url });
  post = caller(service);
  const call = async (operation: string, body: object = {}) => {
    const { status, body: answer } = await post(operation, body);
    if (status !== 200) throw new Error(`${operation}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const subscribe = (settings: object) =>
    call("webhooks.subscribe", { url: inbox.url, ...settings });
  const webhooks = [
    await subscribe({ signature_key: "secret" }),
    await subscribe({ order: "channel", channels: ["a", "b"] }),
    await subscribe({ order: "webhook", rate_limit_per_s: 100 }),
    await subscribe({ url: inbox.url.replace("/hook", "/fails"), retry_schedule_s: [1] }),
  ];

  await superuser.query(`select posthorn.allow_publish('${STRANGER}')`);
  const app = new pg.Client({ connectionString: url });
  await app.connect();
  await app.query(`set role ${STRANGER}`);
  for (const payload of ["'1'", "'1'::text", "'1'::json", "'1'::jsonb"])
    await app.query(`select posthorn.publish('message.created', ${payload}, channel => 'a')`);
  await app.query(
    "select posthorn.publish('message.created', '2', idempotency_key => 'k'::text, \"timestamp\" => '2026-01-01T00:00:00Z'::timestamptz)",
  );
  await app
    .query("select posthorn.publish('message.created', '2', idempotency_key => 'k')")
    .catch(() => {});
  await app.query("select posthorn.publish('no such', '2')").catch(() => {});
  await app.end();

  const event = { type: "message.created", payload: { n: 1 }, channel: "b" };
  const { id } = await call("events.publish", { ...event, idempotency_key: "h" });
  await call("events.publish", { ...event, idempotency_key: "h" });
  await call("events.publish_many", { events: [event, event, { ...event, idempotency_key: "m" }] });
  const list = async () => (await call("deliveries.list", { page_size: 200 })).data;
  const done = await until(
    list,
    (found: Delivery[]) => found.length >= 30 && found.every(({ status }) => status !== "pending"),
  );
  const dead = done.find(({ status }: Delivery) => status === "dead");
  for (const [operation, body] of [
    ["deliveries.info", { id: dead?.id }],
    ["deliveries.retry", { id: dead?.id }],
    ["events.list", {}],
    ["events.info", { id }],
    ["webhooks.list", {}],
    ["webhooks.info", { id: webhooks[0].id }],
    ["webhooks.update", { id: webhooks[0].id, paused: true }],
    ["events.publish", event],
    ["webhooks.update", { id: webhooks[0].id, paused: false, url: inbox.url }],
    ["webhooks.rotate_key", { id: webhooks[0].id }],
    ["webhooks.test", { id: webhooks[0].id }],
    ["webhooks.replay", { id: webhooks[0].id, since: "2020-01-01T00:00:00Z" }],
    ["webhooks.replay", { id: webhooks[1].id, since: "2020-01-01T00:00:00Z", status: "never" }],
    ["webhooks.update", { id: webhooks[1].id, order: "webhook" }],
    ["webhooks.unsubscribe", { id: webhooks[2].id }],
    ["webhooks.delete", { id: webhooks[2].id }],
    ["event_types.create", { name: "a.b", schema: { type: "object" }, example: {} }],
    ["event_types.update", { name: "a.b", description: "d" }],
    ["event_types.list", {}],
    ["event_types.delete", { name: "a.b" }],
    ["replays.list", {}],
    ["keys.create", { name: "k", scope: "read", tenant: "default" }],
    ["keys.list", {}],
    ["events.erase", { id }],
  ] as const)
    await call(operation, body);
  await until(list, (found: Delivery[]) => found.every(({ status }) => status !== "pending"));
  await call("deliveries.list", { status: "dead", webhook_id: webhooks[3].id });
  const upkeep = connect(url, { name: "retention", max: 1, log: silentLog, plans: "pinned" });
  const { dropped } = await retirePartitions({
    pool: upkeep.pool,
    retentionD: 0,
    payloadRetentionD: 0,
    log: silentLog,
  });
  expect(dropped).toHaveLength(5); // yesterday's, one of each table that is kept by days
  await upkeep.close();
  await service.stop(); // the last settles and sweeps
  service = undefined;
  expect(await stranger.ran()).toEqual(NOTHING);
});

test("nothing of it runs while a superuser reads the views, or publishes, with public first in the path", async () => {
  for (const view of ["v_events", "v_deliveries", "v_attempts"]) {
    const { rows } = await superuser.query(`select * from posthorn.${view}`);
    expect(rows.length).toBeGreaterThan(10);
  }
  await superuser.query("select posthorn.publish('message.created', '1', idempotency_key => 's')");
  await superuser.query("select posthorn.publish('message.created', '1', idempotency_key => 's')");
  await superuser.query(
    `select posthorn.disallow_publish('${STRANGER}'), posthorn.allow_publish('${STRANGER}', '*')`,
  );
  expect(await stranger.ran()).toEqual(NOTHING);
  await superuser.query(`select posthorn.disallow_publish('${STRANGER}', '*')`);
});
