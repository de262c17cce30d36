// Replays as the workers feed them: how much at once, in which order, and that nothing is fed twice or forgotten.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { createReplayFeed, READY_MAX } from "../../src/store/replay-feed.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

let service: TestService; // an api alone: nothing moves but by the tests
let connection: Connection;
let post: Call;
let tenant: string;
let webhookId: string;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, {
    name: "replays",
    max: 4,
    log: silentLog,
    plans: "pinned",
  });
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
beforeEach(async () => {
  tenant = `tenant-${randomUUID()}`;
  post = caller(service, { "X-Tenant": tenant });
  webhookId = await subscribe();
});

type Row = Record<string, string>;

const rows = async (statement: string, values: unknown[] = []): Promise<Row[]> =>
  (await connection.pool.query<Row>(statement, values)).rows;
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: "https://example.com/", ...settings }).expect(200)).body
    .id;
const publish = async (event: object = {}): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload: 1, ...event }).expect(200)).body
    .id;
const feed = () => createReplayFeed(connection.pool)();
const ask = async (input: object = {}) =>
  (await post("webhooks.replay", { id: webhookId, since: hoursAgo(12), ...input }).expect(200))
    .body as { replay_id: string; matched: number; is_exact: boolean };
const info = async (id: string) => (await post("replays.info", { id }).expect(200)).body;
const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
const uuidOf = (id: string) =>
  id.slice(4).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

const ROWS_AT_ONCE = 10_000; // a statement has a time limit, on a busy machine too

/** Events of the last hours with a finished delivery each, a millisecond apart: written as they are, for they are many. */
async function makeHistory(count: number, status = "delivered"): Promise<void> {
  for (let from = 1; from <= count; from += ROWS_AT_ONCE)
    await makeFinished(from, Math.min(count, from + ROWS_AT_ONCE - 1), status);
}

const makeFinished = (from: number, to: number, status: string) =>
  rows(
    `with made as materialized (
       select at, posthorn.uuid_v7(at, 0) as event_id, posthorn.uuid_v7(at, 1) as id, n
       from generate_series($3::integer, $4::integer) as n
       cross join lateral (select now() - interval '1 hour' + n * interval '1 ms' as at) as clock
     ),
     event as (
       insert into posthorn.events (tenant, id, type, channel, "timestamp", created_at, matched, schema_checked)
       select $1, event_id, 'message.created', 'line ' || n % 2, at, at, 1, true from made
     ),
     payload as (insert into posthorn.event_payloads (tenant, id, payload) select $1, event_id, '1' from made)
     insert into posthorn.finished_deliveries
       (attempts_made, tenant, id, event_id, webhook_id, sequence, created_at, finished_at, cause, status, reason)
     select 1, $1, made.id, event_id, w.webhook_id, n, at, at, 'publish', $5, case when $5 <> 'delivered' then 'status' end
     from made join posthorn.webhooks as w on w.id = $2`,
    [tenant, webhookId, from, to, status],
  );

/** What a worker does with the first ready rows, but for the sending. */
const finish = (limit: number, status = "delivered") =>
  rows(
    `with gone as (
       delete from posthorn.deliveries
       where (tenant, id) in (
         select tenant, id from posthorn.deliveries where tenant = $1 and state = 0 order by due_at, id limit $2
       )
       returning *
     )
     insert into posthorn.finished_deliveries
       (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, status, reason, finished_at)
     select tenant, id, event_id, webhook_id, sequence, created_at, cause, 1, $3, case when $3 <> 'delivered' then 'status' end, now()
     from gone
     returning event_id, cause`,
    [tenant, limit, status],
  );
const pending = () =>
  rows(
    "select * from posthorn.deliveries where tenant = $1 order by case when state = 3 then id end, due_at, id",
    [tenant],
  );

test("of 100,000 events few are pending at a time, live ones go before them, and each is sent once, in their order", async () => {
  await makeHistory(100_000);
  const { replay_id, matched, is_exact } = await ask();
  if (is_exact) expect(matched).toBe(100_000);
  else expect(matched).toBeLessThan(100_000); // at least so many: what it comes to is told at the end
  const sent: Row[] = [];
  let live = 0;
  for (let round = 0; (await info(replay_id)).status === "running"; round++) {
    await feed();
    const waiting = await pending();
    expect(waiting.length).toBeLessThanOrEqual(READY_MAX);
    if (round % 50 === 0) {
      const event = uuidOf(await publish());
      live++;
      const [first] = await finish(1);
      expect(first).toEqual({ event_id: event, cause: "publish" });
    }
    sent.push(...(await finish(READY_MAX)));
  }
  expect(live).toBeGreaterThan(3);
  const ids = sent.map(({ event_id }) => event_id ?? "");
  expect(ids).toHaveLength(100_000);
  expect(new Set(ids).size).toBe(100_000);
  const steps = Array.from({ length: ids.length / READY_MAX }, (_, step) => ids[step * READY_MAX]);
  expect(steps).toEqual([...steps].sort());
  expect(await info(replay_id)).toEqual({
    id: replay_id,
    webhook_id: webhookId,
    matched: 100_000,
    queued: 100_000,
    delivered: 100_000,
    dead: 0,
    cancelled: 0,
    left_out: { pending: 0, sent_again: 0, payload_gone: 0 },
    status: "done",
    cause: "replay",
    wanted_status: null,
    since: expect.any(String),
    until: expect.any(String),
    created_at: expect.any(String),
    finished_at: expect.any(String),
  });
}, 600_000);

test("a replayed delivery keeps the number that its event has, and is shown as due now, not behind", async () => {
  await makeHistory(3);
  await ask();
  await feed();
  const waiting = await pending();
  expect(waiting.map(({ sequence, cause }) => [sequence, cause])).toEqual([
    [1, "replay"],
    [2, "replay"],
    [3, "replay"],
  ]);
  const { body } = await post("deliveries.list", { status: "pending" }).expect(200);
  const viewed = await rows(
    "select next_attempt_at from posthorn.v_deliveries where tenant = $1 and status = 'pending'",
    [tenant],
  );
  for (const { next_attempt_at } of [...body.data, ...viewed])
    expect(new Date(next_attempt_at).getTime()).toBeLessThan(Date.now() + 60_000);
});

test("under an order each goes into its lane, behind what waits there", async () => {
  webhookId = await subscribe({ order: "channel" });
  await makeHistory(4);
  const { rows: made } = await connection.pool.query(
    `insert into posthorn.deliveries
       (state, lane, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
     select 3, posthorn.lane('channel', 'line 1'), 1, posthorn.uuid_v7(clock_timestamp(), 0), gen_random_uuid(),
       w.webhook_id, now(), now(), w.tenant, 'publish'
     from posthorn.webhooks as w where w.id = $1 returning id`,
    [webhookId],
  );
  await ask();
  await feed();
  const waiting = await pending();
  expect(waiting.map(({ state }) => state)).toEqual([3, 3, 3, 3, 3]);
  expect(waiting[0]?.["id"]).toBe(made[0].id);
  const lanes = waiting.slice(1).map(({ lane }) => lane);
  expect([lanes[0], lanes[1]]).toEqual([lanes[2], lanes[3]]);
  expect(lanes[0]).toBe(waiting[0]?.["lane"]);
  expect(lanes[1]).not.toBe(lanes[0]);
  const events = waiting.slice(1).map(({ event_id }) => event_id);
  expect(events).toEqual([...events].sort());
});

test("of an ordered webhook, what was retried and died again keeps its place among the others", async () => {
  webhookId = await subscribe({ order: "webhook" });
  await makeHistory(5, "dead");
  const { data } = (await post("deliveries.list", { status: "dead" })).body;
  await post("deliveries.retry", { id: data[3].id }).expect(200);
  await rows("update posthorn.deliveries set state = 0 where tenant = $1", [tenant]);
  await finish(1, "dead");
  const { matched } = await ask({ status: "dead" });
  expect(matched).toBe(5);
  for (let round = 0; round < 2; round++) await feed();
  const events = (await pending()).map(({ event_id }) => event_id);
  expect(events).toHaveLength(5);
  expect(events).toEqual([...events].sort());
});

test("two workers share a replay and none of its events is queued twice", async () => {
  await makeHistory(1_200);
  const { replay_id } = await ask();
  const feeds = Array.from({ length: 4 }, () => createReplayFeed(connection.pool));
  for (let round = 0; round < 6; round++) {
    await Promise.all(feeds.map((run) => run()));
    await finish(READY_MAX);
  }
  await feed();
  const [count] = await rows(
    `select count(*) as deliveries, count(distinct event_id) as events
     from posthorn.finished_deliveries where tenant = $1 and cause = 'replay'`,
    [tenant],
  );
  expect(count).toEqual({ deliveries: 1_200, events: 1_200 });
  expect(await info(replay_id)).toMatchObject({ delivered: 1_200, status: "done" });
});

test("what is dead is sent again once, though it is asked for twice while the first is being queued", async () => {
  await makeHistory(3, "dead");
  await ask({ status: "dead" });
  // The first has queued, and is about to commit.
  const blocker = await connection.pool.connect();
  await blocker.query("begin");
  await blocker.query("lock table posthorn.replays in share mode");
  const step = feed();
  await untilWaiting(blocker);
  const second = ask({ status: "dead" });
  await untilWaiting(blocker, 2);
  await blocker.query("commit");
  blocker.release();
  await Promise.all([step, second]);
  expect(await finish(10, "dead")).toHaveLength(3);
  for (let round = 0; round < 2; round++) await feed();
  expect(await pending()).toEqual([]);
});

test("a retry of a delivery that ended without a number goes under the one that its event got since", async () => {
  await makeHistory(1, "dead");
  await rows("update posthorn.finished_deliveries set sequence = null where tenant = $1", [tenant]);
  const { data } = (await post("deliveries.list", { status: "dead" })).body;
  const retry = () => post("deliveries.retry", { id: data[0].id }).expect(200);
  await retry();
  await rows("update posthorn.deliveries set sequence = 7 where tenant = $1", [tenant]);
  await finish(1, "dead");
  await retry();
  expect((await pending()).map(({ sequence }) => Number(sequence))).toEqual([7]);
});

test("a step that is cut off leaves nothing behind, and the next goes on from where the last one ended", async () => {
  const count = READY_MAX + 100;
  await makeHistory(count);
  const { replay_id } = await ask();
  await feed();
  await finish(READY_MAX);
  // It has locked the replay and looked at what has ended, and is about to queue.
  const single = connect(service.databaseUrl, { name: "to be killed", max: 1, log: silentLog });
  const blocker = await connection.pool.connect();
  await blocker.query("begin");
  await blocker.query("lock table posthorn.deliveries in share mode");
  const step = createReplayFeed(single.pool)().catch((error: Error) => error);
  const waitingFor =
    "select pid from pg_stat_activity where application_name = 'posthorn to be killed' and wait_event_type = 'Lock'";
  while ((await rows(waitingFor)).length === 0);
  await rows(`select pg_terminate_backend(pid) from (${waitingFor}) as waiting`);
  expect(await step).toBeInstanceOf(Error);
  await blocker.query("rollback");
  blocker.release();
  await single.close();

  expect(await pending()).toEqual([]);
  await feed();
  expect(await pending()).toHaveLength(100);
  await finish(READY_MAX);
  await feed();
  expect(await info(replay_id)).toMatchObject({ queued: count, delivered: count, status: "done" });
});

describe("cancelled midway", () => {
  test("nothing more is queued, what is pending is cancelled, and what was sent stays counted", async () => {
    await makeHistory(1_500);
    const { replay_id } = await ask();
    await feed();
    await finish(100);
    const cancelled = (await post("replays.cancel", { id: replay_id }).expect(200)).body;
    expect(cancelled).toMatchObject({
      queued: READY_MAX,
      delivered: 100,
      cancelled: READY_MAX - 100,
      status: "cancelled",
    });
    await feed();
    expect(await pending()).toEqual([]);
    expect((await post("replays.cancel", { id: replay_id }).expect(200)).body).toEqual(cancelled);
    const { body } = await post("deliveries.list", { status: "cancelled", page_size: 1 });
    expect(body.data[0]).toMatchObject({ reason: "cancelled", cause: "replay" });
  });

  test("by an unsubscribe or a delete, and a subscribe that follows at once does not set it going again", async () => {
    await makeHistory(10);
    const { replay_id: first } = await ask();
    await feed();
    await post("webhooks.unsubscribe", { id: webhookId }).expect(200);
    await post("webhooks.subscribe", { id: webhookId, url: "https://example.com/" }).expect(200);
    const { replay_id: second } = await ask({ status: "cancelled" });
    await post("webhooks.delete", { id: webhookId }).expect(200);
    await feed();
    expect(await pending()).toEqual([]);
    expect(await info(first)).toMatchObject({ queued: 10, cancelled: 10, status: "cancelled" });
    expect(await info(second)).toMatchObject({ matched: 10, queued: 0, status: "cancelled" });
  });
});

test("an event whose payload is gone, or that is on its way already, is left out", async () => {
  await makeHistory(3);
  await rows(
    `delete from posthorn.event_payloads where id in
       (select id from posthorn.events where tenant = $1 order by id limit 1)`,
    [tenant],
  );
  await publish();
  const { replay_id, matched } = await ask();
  expect(matched).toBe(2);
  await feed();
  expect(await pending()).toHaveLength(3);
  expect(await info(replay_id)).toMatchObject({
    ...{ matched: 2, queued: 2, status: "running" },
    left_out: { pending: 1, sent_again: 0, payload_gone: 1 },
  });
});

test("what was sent again after the call, or pending by another replay, is left out and counted so", async () => {
  await makeHistory(4, "dead");
  const { body } = await post("deliveries.list", { status: "dead" }).expect(200);
  const other = await ask({ until: hoursAgo(0) });
  await feed(); // all four are pending by it
  const { replay_id } = await ask({ status: "never" });
  expect(await info(replay_id)).toMatchObject({ matched: 0, status: "done" });
  await finish(3, "dead");
  const dead = await ask({ status: "dead" });
  expect(dead.matched).toBe(3);
  await post("deliveries.retry", { id: body.data.at(-1).id }).expect(200);
  await finish(2, "dead"); // the one that was pending at the call, and the one that is retried
  await feed();
  expect(await info(other.replay_id)).toMatchObject({ queued: 4, dead: 4, status: "done" });
  expect(await info(dead.replay_id)).toMatchObject({
    ...{ matched: 3, queued: 2 },
    left_out: { pending: 1, sent_again: 1, payload_gone: 0 },
  });
});

test("an event that is yet to be fanned out to the webhook is left out, and one that has been is not", async () => {
  await makeHistory(2);
  await rows(
    `insert into posthorn.expansions (payload_bytes, event_id, created_at, tenant, webhook_ids, done)
     select 1, e.id, now(), e.tenant, array[w.webhook_id, 0], row_number() over (order by e.id) - 1
     from posthorn.events as e join posthorn.webhooks as w on w.id = $2
     where e.tenant = $1`,
    [tenant, webhookId],
  );
  expect((await ask({ dry_run: true })).matched).toBe(1);
  await rows("delete from posthorn.expansions");
});

test("while a webhook is paused its replay waits, and goes on after it", async () => {
  await makeHistory(2);
  await ask();
  await post("webhooks.update", { id: webhookId, paused: true }).expect(200);
  await feed();
  expect(await pending()).toEqual([]);
  await post("webhooks.update", { id: webhookId, paused: false }).expect(200);
  await feed();
  expect(await pending()).toHaveLength(2);
});

test("the replays of a paused webhook take no turn from the others", async () => {
  await makeHistory(2);
  for (let asked = 0; asked < 50; asked++) await ask();
  await post("webhooks.update", { id: webhookId, paused: true }).expect(200);
  const run = createReplayFeed(connection.pool);
  webhookId = await subscribe({ url: "https://example.org/" });
  await ask();
  await run();
  expect(await pending()).toHaveLength(2);
});

test("deliveries that wait for a retry make room for others, up to a thousand", async () => {
  await makeHistory(2_000);
  await ask();
  const retryAll = () =>
    rows("update posthorn.deliveries set state = 1 where tenant = $1", [tenant]);
  for (let queued = READY_MAX; queued <= 1_000; queued += READY_MAX) {
    await feed();
    expect(await pending()).toHaveLength(queued);
    await retryAll();
  }
  await feed();
  expect(await pending()).toHaveLength(1_000);
});

describe("all that is dead", () => {
  const retryDead = async (input = {}) =>
    (await post("webhooks.retry_dead", { id: webhookId, ...input }).expect(200)).body;

  test("goes out again once, also pressed twice while it runs and dies meanwhile", async () => {
    await makeHistory(700, "dead");
    expect(await retryDead({ dry_run: true })).toEqual({
      replay_id: null,
      matched: 700,
      is_exact: true,
    });
    const first = await retryDead();
    expect(first.matched).toBe(700);
    expect((await retryDead()).matched).toBe(0);
    await feed();
    const third = await retryDead();
    await finish(READY_MAX, "dead");
    for (let round = 0; round < 4; round++) {
      await feed();
      await finish(READY_MAX, "dead");
    }
    await feed();
    expect(await info(first.replay_id)).toMatchObject({ queued: 700, dead: 700, status: "done" });
    expect(await info(third.replay_id)).toMatchObject({ queued: 0, status: "done" });
    expect(await retryDead()).toMatchObject({ matched: 700 }); // it is dead once more
  });

  test("and one of them retried by itself at the same time is queued once", async () => {
    await makeHistory(20, "dead");
    const [dead] = (await post("deliveries.list", { status: "dead", page_size: 1 })).body.data;
    await retryDead();
    await Promise.all([
      feed(),
      ...Array.from({ length: 5 }, () => post("deliveries.retry", { id: dead.id }).expect(200)),
    ]);
    await feed();
    const events = (await pending()).map(({ event_id }) => event_id);
    expect(events).toHaveLength(20);
    expect(new Set(events).size).toBe(20);
  });
});
