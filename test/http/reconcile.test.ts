// What a receiver lacks, told by the ids that it has, and sent again.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const SINCE = new Date(Date.now() - 3_600_000).toISOString();

let service: TestService; // an api alone: what is pending stays so
let sql: pg.Client;
let post: Call;
let webhook_id: string;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
  sql = await service.connect();
});
afterAll(() => service.stop());
beforeEach(async () => {
  webhook_id = (await post("webhooks.subscribe", { url: "http://127.0.0.1:9/" }).expect(200)).body
    .id;
});

const publish = async (): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload: 1 }).expect(200)).body.id;
const deliveriesOf = async (event_id: string) =>
  (await post("deliveries.list", { webhook_id, event_id }).expect(200)).body.data;
const reconcile = async (received: string[], more: object = {}) =>
  (await post("events.reconcile", { webhook_id, since: SINCE, received, ...more }).expect(200))
    .body;
/** Ends the event's pending delivery. */
const end = (event: string, status: string, sequence = 7) =>
  sql.query(
    `with gone as (
       delete from posthorn.deliveries where posthorn.public_id('evt', event_id) = $1
         and webhook_id = (select webhook_id from posthorn.webhooks where id = $4) returning *
     )
     insert into posthorn.finished_deliveries
       (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, status, reason, finished_at)
     select tenant, id, event_id, webhook_id, $3, created_at, cause, 1, $2,
       case $2 when 'dead' then 'status' when 'cancelled' then 'cancelled' end, now() from gone`,
    [event, status, sequence, webhook_id],
  );

test("what a receiver lacks is told with its newest delivery, and what it has beyond is unexpected", async () => {
  const [got, lacking, dead, pending] = [
    await publish(),
    await publish(),
    await publish(),
    await publish(),
  ];
  for (const [id, status] of [
    [got, "delivered"],
    [lacking, "delivered"],
    [dead, "dead"],
  ] as const)
    await end(id, status);
  const strangers = ["evt_019c13f8d2007a1f80004c1b7a9e22d1", "evt_test_1", "nonsense"];
  const { missing, unexpected } = await reconcile([got, ...strangers, got]);
  expect(unexpected).toEqual(strangers);
  expect(missing).toMatchObject([
    { event_id: pending, status: "pending" },
    { event_id: dead, status: "dead" },
    { event_id: lacking, status: "delivered" },
  ]);
  expect(missing[1].delivery_id).toBe((await deliveriesOf(dead))[0].id);
  expect(await reconcile([got, lacking, dead, pending])).toEqual({ missing: [], unexpected: [] });
});

test("redeliver queues what is missing and not pending once, under its number, and leaves out what was erased", async () => {
  const [dead, pending, erased] = [await publish(), await publish(), await publish()];
  await end(dead, "dead", 41);
  await end(erased, "delivered");
  await post("events.erase", { id: erased }).expect(200);
  const { missing } = await reconcile([], { redeliver: true });
  const [again, before] = await deliveriesOf(dead);
  expect(missing).toMatchObject([
    { event_id: erased, status: "delivered" },
    { event_id: pending, status: "pending" },
    { event_id: dead, status: "pending", delivery_id: again.id },
  ]);
  expect(again).toMatchObject({ cause: "reconcile", status: "pending" });
  expect(before).toMatchObject({ status: "dead" });
  const { rows } = await sql.query(
    "select sequence, due_at > now() + interval '23 hours' as is_behind from posthorn.deliveries where posthorn.public_id('dlv', id) = $1",
    [again.id],
  );
  expect(rows).toEqual([{ sequence: "41", is_behind: true }]);
  await reconcile([], { redeliver: true });
  expect(await deliveriesOf(dead)).toHaveLength(2);
  expect(await deliveriesOf(pending)).toHaveLength(1);
});

test("a newer delivery speaks for its event, also from behind the span", async () => {
  const event = await publish();
  await end(event, "dead");
  const until = new Date(Date.now() + 1).toISOString();
  await new Promise((resolve) => setTimeout(resolve, 5)); // the next delivery's millisecond is another
  const retried = (
    await post("deliveries.retry", { id: (await deliveriesOf(event))[0].id }).expect(200)
  ).body.id;
  expect((await reconcile([], { until })).missing).toEqual([
    { event_id: event, delivery_id: retried, status: "pending" },
  ]);
});

test("what is redelivered arrives", async () => {
  const working = await startTestService({ DATABASE_URL: service.databaseUrl });
  const inbox = await startInbox();
  try {
    await post("webhooks.update", { id: webhook_id, url: inbox.url }).expect(200);
    const event = await publish();
    await inbox.arrived(1);
    await until(
      async () => (await deliveriesOf(event))[0].status,
      (status) => status === "delivered",
    );
    expect((await reconcile([], { redeliver: true })).missing).toMatchObject([
      { event_id: event, status: "pending" },
    ]);
    const arrived = await inbox.arrived(2);
    expect(arrived.map(({ headers }) => headers["webhook-id"])).toEqual([event, event]);
  } finally {
    await working.stop();
    await inbox.close();
  }
});

test("a read key may ask, and have nothing sent again; a publish key may neither", async () => {
  const event = await publish();
  await end(event, "dead");
  const of = async (scope: string) => {
    const made = await post("keys.create", { name: scope, scope, tenant: "default" }).expect(200);
    return caller(service, { Authorization: `Bearer ${made.body.key}` });
  };
  const ask = { webhook_id, since: SINCE, received: [] };
  const read = await of("read");
  expect((await read("events.reconcile", ask).expect(200)).body.missing).toHaveLength(1);
  const { body } = await read("events.reconcile", { ...ask, redeliver: true }).expect(403);
  expect(body).toMatchObject({ code: "forbidden", message: expect.stringMatching(/redeliver/) });
  expect(await deliveriesOf(event)).toHaveLength(1);
  await (await of("manage"))("events.reconcile", { ...ask, redeliver: true }).expect(200);
  await (await of("publish"))("events.reconcile", ask).expect(403);
});

test("a span of more than 10,000 deliveries is to be narrowed, and a list of 100,000 ids is taken", async () => {
  await publish();
  await sql.query(
    `insert into posthorn.deliveries
       (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
     select 0, 1, posthorn.uuid_v7(now() - interval '1 hour', n % 4096), event_id, webhook_id, now(), now(), tenant, 'publish'
     from (select * from posthorn.deliveries where webhook_id = (
       select webhook_id from posthorn.webhooks where id = $1) limit 1) as one, generate_series(1, 10000) as n`,
    [webhook_id],
  );
  const received = Array.from({ length: 100_000 }, (_, n) => `evt_${String(n).padStart(32, "0")}`);
  const { body } = await post("events.reconcile", {
    ...{ webhook_id, received },
    since: new Date(Date.now() - 2 * 3_600_000).toISOString(),
  }).expect(400);
  expect(body.issues).toMatchObject([
    { path: "since", message: expect.stringMatching(/narrow it/) },
  ]);
  const { missing, unexpected } = await reconcile(received, {
    since: new Date(Date.now() - 60_000).toISOString(),
  });
  expect(missing).toHaveLength(1);
  expect(unexpected).toEqual(received);
  await post("events.reconcile", { webhook_id, since: SINCE, received: [...received, "x"] }).expect(
    400,
  );
});

test("another tenant's webhook is unknown, and what is sent again needs a subscribed one", async () => {
  const others = caller(service, { "X-Tenant": "other" });
  await others("events.reconcile", { webhook_id, since: SINCE, received: [] }).expect(404);
  await end(await publish(), "dead");
  await post("webhooks.unsubscribe", { id: webhook_id }).expect(200);
  const ask = { webhook_id, since: SINCE, received: [] };
  expect((await post("events.reconcile", ask).expect(200)).body.missing).toHaveLength(1);
  const { body } = await post("events.reconcile", { ...ask, redeliver: true }).expect(409);
  expect(body.code).toBe("webhook_unsubscribed");
});
