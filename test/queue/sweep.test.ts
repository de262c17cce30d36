// What the sweep moves, and that what it looks at stays bounded.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { announceHealth, listFailing } from "../../src/queue/health.ts";
import { unpark } from "../../src/queue/hold.ts";
import { createRequeue } from "../../src/queue/requeue.ts";
import { createEndedSweep } from "../../src/queue/sweep.ts";
import { caller, type Call } from "../helpers/api.ts";
import { claim } from "../helpers/claims.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nothing moves but by the tests
let connection: Connection;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, { name: "sweeps", max: 2, log: silentLog });
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
beforeEach(() => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});

const rows = async (statement: string, values: unknown[] = []) =>
  (await connection.pool.query(statement, values)).rows;
const subscribe = async (): Promise<string> =>
  (await post("webhooks.subscribe", { url: "https://example.com/" }).expect(200)).body.id;
const publish = (count: number) =>
  post("events.publish_many", {
    events: Array.from({ length: count }, () => ({ type: "message.created", payload: 1 })),
  }).expect(200);
const counted = async (id: string) => (await post("webhooks.info", { id })).body.counters;

test("an unsubscribe has cancelled a thousand pending when it answers, and the sweep cancels the rest", async () => {
  const id = await subscribe();
  for (let n = 0; n < 3; n++) await publish(1_000);
  expect(await counted(id)).toMatchObject({ pending: 3_000 });
  await post("webhooks.unsubscribe", { id }).expect(200);
  expect(await counted(id)).toMatchObject({ pending: 2_000 });
  const requeue = createRequeue(connection.pool);
  while ((await requeue()) > 0);
  expect(await counted(id)).toMatchObject({ pending: 0 });
});

test("an unsubscribe waits for nobody who has rows locked: they are cancelled once they are free, and a subscribe that follows sends none of them", async () => {
  const id = await subscribe();
  await publish(3);
  const other = await connection.pool.connect();
  await other.query("begin");
  await other.query("select from posthorn.deliveries order by id limit 2 for update");
  await post("webhooks.unsubscribe", { id }).expect(200);
  await post("webhooks.subscribe", { id, url: "https://example.com/" }).expect(200);
  expect(await counted(id)).toMatchObject({ pending: 2 });
  expect((await claim(connection.pool)).deliveries).toEqual([]);
  // As a settle or a give-back does, so that the row is at another place afterwards.
  await other.query("update posthorn.deliveries set locked_until = null");
  await other.query("commit");
  other.release();
  expect((await claim(connection.pool)).deliveries).toEqual([]);
  const requeue = createRequeue(connection.pool);
  while ((await requeue()) > 0);
  expect(await counted(id)).toMatchObject({ pending: 0 });
});

test("what was left behind of an ended webhook is cancelled, though 2,500 others have ended before it", async () => {
  await rows(`
    insert into posthorn.webhooks
      (tenant, id, status, url, preset, events, channels, created_at, updated_at, deleted_at)
    select 'ended', gen_random_uuid(), 'Subscribed', '', 'airy', '{}', '{}', now(), now(), now()
    from generate_series(1, 2500)`);
  const id = await subscribe();
  await publish(1);
  await rows("update posthorn.webhooks set status = 'Unsubscribed' where id = $1", [id]);
  const sweep = createEndedSweep(connection.pool);
  let runs = 1;
  while ((await sweep()) === 0) runs++;
  expect(runs).toBeLessThanOrEqual(4);
  await createRequeue(connection.pool)();
  expect(await counted(id)).toMatchObject({ pending: 0 });
});

test("held rows are released at once where their webhook was never held", async () => {
  const id = await subscribe();
  await publish(20);
  await rows("update posthorn.deliveries set state = 2 where state = 0");
  expect(await unpark(connection.pool)).toBe(20);
  expect((await rows("select distinct state from posthorn.deliveries")).length).toBe(1);
  await post("webhooks.unsubscribe", { id }).expect(200);
});

test("the hours until a failing webhook is disabled don't run while it is paused: nothing is sent, so nothing fails", async () => {
  const id = await subscribe();
  await rows(
    `insert into posthorn.counters (webhook_id, failures_in_row, failing_since)
     select webhook_id, 1, now() - interval '200 hours' from posthorn.webhooks where id = $1`,
    [id],
  );
  expect(await listFailing(connection.pool, 0)).toHaveLength(1);
  await post("webhooks.update", { id, paused: true }).expect(200);
  expect(await listFailing(connection.pool, 0)).toEqual([]);
  await post("webhooks.update", { id, paused: false }).expect(200);
  const [facts] = await listFailing(connection.pool, 0);
  expect(facts?.released_at?.getTime()).toBeGreaterThan(Date.now() - 60_000);
});

test("a failing webhook's disables_at has not passed when it is told, however long nothing was sent to it", async () => {
  const id = await subscribe();
  await rows(
    `insert into posthorn.counters (webhook_id, failures_in_row, failing_since, last_failure_at)
     select webhook_id, 1, now() - interval '500 hours', now() - interval '500 hours' from posthorn.webhooks where id = $1`,
    [id],
  );
  await rows("update posthorn.webhooks set health = 'failing' where id = $1", [id]);
  const toldAt = Date.now();
  await announceHealth(connection.pool, 120);
  const { data } = (await post("events.list", { type: "webhook.failing", with_payload: true }))
    .body;
  expect(data).toHaveLength(1);
  expect(Date.parse(data[0].payload.disables_at)).toBeGreaterThan(toldAt - 60_000);
});
