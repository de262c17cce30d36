// How many things one statement locks, however many days are kept: the table of locks is one for the whole server.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";

import { retirePartitions } from "../../src/queue/retention.ts";
import { DAY } from "../../src/kernel/duration.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { Db } from "../../src/database/connect.ts";
import type { Schema } from "../../src/database/schema.ts";
import { listAttempts } from "../../src/store/attempts.ts";
import { findDelivery, queueRetry, type DeliveryRow } from "../../src/store/deliveries.ts";
import type { DeliveryFilter } from "../../src/store/delivery-scan.ts";
import { listDeliveriesOf, searchDeliveries } from "../../src/store/delivery-search.ts";
import { eraseEvent } from "../../src/store/erase.ts";
import { createEventReader } from "../../src/store/events-to-send.ts";
import { listEvents } from "../../src/store/events.ts";
import { wholeTenant } from "../../src/store/reach.ts";
import { findEvent } from "../../src/store/seen-events.ts";
import { stepReplay } from "../../src/store/replay-feed.ts";
import {
  countReplay,
  findReplay,
  insertReplay,
  listReplays,
  stopReplay,
} from "../../src/store/replays.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const DAYS_KEPT = 100; // enough to tell what grows with them
const LOCKS_MAX = 110;
const OLD_EVENTS = 9;

let database: TestDatabase;
let client: pg.Client;
let pool: pg.Pool;
let db: Db;
let webhook: number;
let most: { locks: number; text: string };

beforeAll(async () => {
  database = await createTestDatabase();
  const types = new pg.TypeOverrides();
  types.setTypeParser(pg.types.builtins.INT8, Number);
  client = new pg.Client({ connectionString: database.url, types });
  await client.connect();
  await client.query(`
    do $$ declare day timestamptz; name text; begin
      for day in select date_trunc('day', now(), 'UTC') - n * interval '1 day' from generate_series(2, ${DAYS_KEPT}) as n loop
        foreach name in array array['events', 'event_payloads', 'finished_deliveries', 'attempts'] loop
          execute format('create table posthorn.%I partition of posthorn.%I for values from (%L) to (%L)',
            name || to_char(day at time zone 'utc', '"_p"YYYYMMDD'), name,
            posthorn.lowest_uuid_at(day), posthorn.lowest_uuid_at(day + interval '1 day'));
        end loop;
      end loop;
    end $$`);
  [webhook] = (await makeWebhooks(client, "default", 1)) as [number];
  await client.query(
    "select posthorn.publish('message.created', n::text) from generate_series(1, 3) as n",
  );
  // One event of each tenth day, delivered on the same day and failed once on the next.
  await client.query(
    `with made as (
       select posthorn.uuid_v7(at, 0) as id, posthorn.uuid_v7(at, 1) as delivery_id, posthorn.uuid_v7(at + interval '1 day', 2) as attempt_id, at
       from (select now() - n * interval '1 day' as at from generate_series(10, ${DAYS_KEPT - 10}, 10) as n) as days
     ),
     event as (
       insert into posthorn.events (tenant, id, type, "timestamp", created_at, matched, schema_checked)
       select 'default', id, 'message.created', at, at, 1, true from made
     ),
     payload as (insert into posthorn.event_payloads (tenant, id, payload) select 'default', id, '1' from made),
     attempt as (
       insert into posthorn.attempts
         (number, duration_ms, webhook_version, webhook_id, delivery_id, id, at, tenant, worker, response_body)
       select 1, 1, $2, $1, delivery_id, attempt_id, at, 'default', 'a worker', 'no' from made
     ),
     version as (
       insert into posthorn.webhook_versions (webhook_id, version, tenant, url, preset, headers_masked, valid_from)
       values ($1, $2, 'default', 'http://127.0.0.1:1/', 'airy', '{}', now())
     ),
     -- What an earlier retry left: the event's number, and days later.
     retried as (
       insert into posthorn.finished_deliveries
         (attempts_made, tenant, id, event_id, webhook_id, created_at, finished_at, cause, status, reason, sequence)
       select 1, 'default', posthorn.uuid_v7(at + interval '5 days', 0), id, $1, at, at + interval '5 days', 'retry', 'cancelled', 'erased', 7
       from made where at > now() - interval '${DAYS_KEPT} days'
     )
     insert into posthorn.finished_deliveries
       (attempts_made, tenant, id, event_id, webhook_id, created_at, finished_at, cause, status, reason)
     select 1, 'default', delivery_id, id, $1, at, at + interval '1 day', 'publish', 'dead', 'status' from made`,
    [webhook, randomUUID()],
  );
  pool = counting(client);
  db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
});
beforeEach(() => {
  most = { locks: 0, text: "" };
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

/** A pool of one connection, on which each statement outside a transaction is one of its own, and its locks are counted. */
function counting(inner: pg.Client) {
  let isOpen = false;
  const query = async (config: string | pg.QueryConfig, values?: unknown[]) => {
    const text = typeof config === "string" ? config : config.text;
    const isLockKept = !text.endsWith(" concurrently"); // which can't be in a transaction
    if (/^(begin|start|commit|rollback$)/.test(text)) isOpen = /^(begin|start)/.test(text);
    else if (!isOpen && isLockKept) await inner.query("begin");
    const result = await inner.query(config as string, values);
    // Two modes of one thing take one entry.
    const { rows } = await inner.query<{ locks: number }>(
      "select count(distinct (database, relation))::integer as locks from pg_locks where pid = pg_backend_pid() and locktype = 'relation'",
    );
    const locks = rows[0]?.locks ?? 0;
    if (locks > most.locks) most = { locks, text };
    if (!isOpen && isLockKept) await inner.query("commit");
    return result;
  };
  return {
    query,
    connect: () => Promise.resolve({ query, release: () => {} }),
    end: () => Promise.resolve(),
  } as unknown as pg.Pool;
}

const listDeliveries = async (tenant: string, filter: DeliveryFilter) =>
  (await searchDeliveries(db, wholeTenant(tenant), filter, () => 0)).rows;

const listed: [string, () => Promise<unknown[]>][] = [
  ["deliveries.list", () => listDeliveries("default", { limit: 200 })],
  ["of a webhook", () => listDeliveries("default", { limit: 200, webhookId: webhook })],
  ["of a status", () => listDeliveries("default", { limit: 200, status: ["dead"] })],
  ["of a type", () => listDeliveries("default", { limit: 200, type: "message.*" })],
  ["of a cause", () => listDeliveries("default", { limit: 200, cause: "retry" })],
  ["oldest first", () => listDeliveries("default", { limit: 200, oldestFirst: true })],
  ["events.list", () => listEvents(db, wholeTenant("default"), { limit: 200, bytesMax: 1e6 })],
];
test.each(listed)(
  "%s locks few things, however many days are kept, and finds all",
  async (_, read) => {
    expect((await read()).length).toBeGreaterThanOrEqual(OLD_EVENTS);
    expect(most.locks).toBeLessThan(LOCKS_MAX);
  },
);

test("a publish, and a fan-out that a worker makes, lock the tables of their own day alone", async () => {
  await pool.query("select posthorn.publish('message.created', '1')");
  const [event] = await listEvents(db, wholeTenant("default"), { limit: 1 });
  await pool.query(
    `insert into posthorn.expansions (payload_bytes, event_id, created_at, tenant, webhook_ids)
     values (1, $1, now(), 'default', array[$2::bigint])`,
    [event?.id, webhook],
  );
  most = { locks: 0, text: "" };
  expect((await pool.query("select posthorn.expand(10) as made")).rows).toEqual([{ made: 1 }]);
  expect(most.locks).toBeLessThan(LOCKS_MAX / 2);
});

test("a replay whose deliveries ended on many days is told exactly, and locks few things", async () => {
  await client.query(
    `insert into posthorn.replays
       (by_first, tenant, id, webhook_id, cause, since, until, position, matched, queued, status, created_at, outstanding)
     select false, 'default', id, $1, 'replay', id, id, id, 9, 9, 'running', now(), array(
       select f.id from posthorn.finished_deliveries as f where f.status = 'dead'
     ) from (select posthorn.uuid_v7(now(), 0) as id) as made`,
    [webhook],
  );
  expect(await listReplays(db, wholeTenant("default"), { limit: 1 })).toMatchObject([
    { matched: 9, dead: OLD_EVENTS, delivered: 0, cancelled: 0 },
  ]);
  expect(most.locks).toBeLessThan(LOCKS_MAX);
});

test("a page goes on where the one before ended, over all the days", async () => {
  const all = await listDeliveries("default", { limit: 200 });
  const paged: DeliveryRow[] = [];
  for (;;) {
    const page = await listDeliveries("default", { limit: 2, after: paged.at(-1)?.id ?? null });
    paged.push(...page);
    if (page.length < 2) break;
  }
  expect(paged).toEqual(all);
  expect(all.map(({ id }) => id)).toEqual(
    all
      .map(({ id }) => id)
      .sort()
      .reverse(),
  );
  expect(all.every(({ type }) => type === "message.created")).toBe(true);
});

test("an old delivery, its event, its attempts and a retry of it lock few things, and are found", async () => {
  const oldest = (await listDeliveries("default", { limit: 200, status: ["dead"] })).at(-1);
  const { id = "", event_id = "" } = oldest ?? {};
  const row = await findDelivery(db, wholeTenant("default"), id);
  expect(row).toEqual(oldest);
  if (!row) return;
  expect(await findEvent(db, wholeTenant("default"), event_id)).toMatchObject({
    id: event_id,
    payload: "1",
  });
  const size = { limit: 200, bytesMax: 1e6 };
  const attempts = await listAttempts(db, "default", row, size);
  expect(attempts).toMatchObject([{ number: 1, worker: "a worker" }]);
  const ofEvent = await listDeliveriesOf(db, wholeTenant("default"), {
    eventId: event_id,
    limit: 9,
  });
  expect(ofEvent.map(({ cause }) => cause)).toEqual(["retry", "publish"]);
  expect(row.sequence).toBeNull();
  const retried = await db.transaction().execute((trx) => queueRetry(trx, "default", row));
  expect(retried).not.toBeNull();
  expect(await findDelivery(db, wholeTenant("default"), retried ?? "")).toMatchObject({
    event_id,
    sequence: 7,
  });
  expect(await createEventReader(pool)([{ event_id, tenant: "default" }])).toHaveLength(1);
  await eraseEvent(pool, "default", event_id);
  expect(await listAttempts(db, "default", row, size)).toMatchObject([{ response_body: null }]);
  expect(most.locks).toBeLessThan(LOCKS_MAX);
});

// The oldest event is erased by now. Of all others the newest delivery was cancelled, days after the first.
test.each([
  ["by its newest delivery", { wanted: "cancelled", by_first: false }, OLD_EVENTS - 1],
  ["by its first delivery", { wanted: "cancelled", by_first: true }, OLD_EVENTS - 1],
  ["by its event", { wanted: null, by_first: false }, OLD_EVENTS - 1],
  ["that was retried since, by its first end", { wanted: "dead", by_first: true }, 0],
  ["that was retried since, as never delivered", { wanted: "never", by_first: false }, 0],
] as const)(
  "a replay looks on all days for what is found %s, and a count and a step lock few things",
  async (_, search, expected) => {
    await client.query("delete from posthorn.replays");
    const { rows } = await client.query<{ id: string; at: Date }>(
      "select posthorn.uuid_v7(now(), 0) as id, now() as at",
    );
    const [{ id, at }] = rows as [{ id: string; at: Date }];
    const wanted = {
      ...{ ...search, tenant: "default", webhook_id: webhook, cause: "replay" as const },
      ...{ since: "00000000-0000-0000-0000-000000000000", until: id },
    };
    const moment = { at, id, pending_then: [], covered_to: null };
    const count = await countReplay(pool, wanted, moment, () => false);
    expect(count).toEqual({ matched: expected, countedTo: null });
    // As if the count had broken off at once: the step has to find the same.
    const broken = { matched: 0, countedTo: wanted.since };
    await db.transaction().execute((trx) => insertReplay(trx, wanted, moment, broken));
    await stepReplay(pool, "default", id);
    const fed = { matched: expected, queued: expected };
    expect(await findReplay(db, wholeTenant("default"), id)).toMatchObject(fed);
    await stopReplay(db, "default", id);
    await stepReplay(pool, "default", id);
    expect(await findReplay(db, wholeTenant("default"), id)).toMatchObject({
      ...fed,
      cancelled: expected,
    });
    expect(most.locks).toBeLessThan(LOCKS_MAX);
  },
);

test("a replay whose deliveries were made on many days is cancelled step by step, and locks few things", async () => {
  const { rows } = await client.query<{ id: string }>(
    `with made as (
       insert into posthorn.deliveries (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
       select 2, 1, posthorn.uuid_v7(now() - n * interval '1 day', 0), gen_random_uuid(), $1, now(), now(), 'default', 'replay'
       from generate_series(1, 40) as n
       returning id
     )
     insert into posthorn.replays
       (by_first, tenant, id, webhook_id, cause, since, until, position, matched, queued, status, created_at, outstanding)
     select false, 'default', posthorn.uuid_v7(now(), 0), $1, 'replay', min(id::text)::uuid, min(id::text)::uuid, min(id::text)::uuid,
       40, 40, 'cancelled', now(), array_agg(id)
     from made returning id`,
    [webhook],
  );
  const id = rows[0]?.id ?? "";
  for (const cancelled of [6, 12, 18, 24, 30, 36, 40]) {
    await stepReplay(pool, "default", id);
    expect(await findReplay(db, wholeTenant("default"), id)).toMatchObject({ cancelled });
  }
  const { rows: left } = await client.query(
    "select from posthorn.replays where finished_at is null and id = $1",
    [id],
  );
  expect(left).toEqual([]);
  expect(most.locks).toBeLessThan(LOCKS_MAX);
});

test("retention keeps an old event for a later delivery of it, and its look for one locks few things", async () => {
  await client.query("delete from posthorn.deliveries");
  const retentionD = DAYS_KEPT - 15;
  const { dropped } = await retirePartitions({
    ...{ pool, retentionD, payloadRetentionD: retentionD, log: silentLog },
  });
  const nameOf = (daysAgo: number) =>
    `events_p${new Date(Date.now() - daysAgo * DAY).toISOString().slice(0, 10).replaceAll("-", "")}`;
  expect(dropped).toContain(nameOf(DAYS_KEPT - 11));
  expect(dropped).not.toContain(nameOf(DAYS_KEPT - 10));
  expect(most.locks).toBeLessThan(LOCKS_MAX);
});
