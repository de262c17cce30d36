// Days past their retention: what goes, what stays, and that nobody waits for it.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";

import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";
import pino from "pino";

import { createPartitionKeeper } from "../../src/delivery/partition-keeper.ts";
import { DAY } from "../../src/kernel/duration.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { eraseLate } from "../../src/store/erase.ts";
import { queueMatches } from "../../src/store/replay-queue.ts";
import { horizonAt } from "../../src/store/replays.ts";
import { attachSql, makePartitions, type PartitionedTable } from "../../src/database/partitions.ts";
import { retirePartitions } from "../../src/queue/retention.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase } from "../helpers/database.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TABLES: PartitionedTable[] = ["attempts", "event_payloads", "events", "finished_deliveries"];
const STATISTICS: PartitionedTable[] = ["stats_hours", "stats_minutes"];

let service: TestService; // an api alone: nothing moves but by the tests
let connection: Connection;
let post: Call;
const opened: pg.Client[] = [];

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  connection = connect(service.databaseUrl, { name: "retention", max: 4, log: silentLog });
  post = caller(service);
  await post("webhooks.subscribe", { url: "https://example.com/" }).expect(200);
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
afterEach(async () => {
  for (const client of opened.splice(0)) await client.end();
  await rows("delete from posthorn.deliveries");
  await retire(1, 1);
});

type Row = Record<string, string>;

const rows = async (statement: string, values: unknown[] = []): Promise<Row[]> =>
  (await connection.pool.query<Row>(statement, values)).rows;
const retire = (retentionD = 30, payloadRetentionD = 30) =>
  retirePartitions({
    pool: connection.pool,
    retentionD,
    payloadRetentionD,
    log: silentLog,
  });
const stranger = async (): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  opened.push(client);
  return client;
};

const dayBefore = (daysAgo: number) => {
  const from = new Date(Math.floor(Date.now() / DAY) * DAY - daysAgo * DAY);
  return { from, suffix: from.toISOString().slice(0, 10).replaceAll("-", "") };
};

/** Makes the partitions of a day gone by. */
const makeDay = async (daysAgo: number, tables = TABLES) => {
  const { from, suffix } = dayBefore(daysAgo);
  for (const table of tables) {
    const name = `${table}_p${suffix}`;
    await rows(`
      create table posthorn.${name} (like posthorn.${table} including all);
      ${attachSql(table, name, from)}`);
  }
};
const daysLeft = async (daysAgo: number) =>
  (
    await rows(
      `select inhparent::regclass::text as name from pg_inherits join pg_class on oid = inhrelid
       where relname like '%\\_p' || $1 and relkind = 'r' order by 1`,
      [dayBefore(daysAgo).suffix],
    )
  ).map(({ name }) => name?.replace("posthorn.", ""));

/** An event of a day gone by, and what of it is to be there. */
const makeEvent = async (daysAgo: number) => {
  const at = new Date(dayBefore(daysAgo).from.getTime() + DAY / 2);
  const [made] = await rows(
    `with made as materialized (select posthorn.uuid_v7($1::timestamptz, 0) as id),
     payload as (insert into posthorn.event_payloads (tenant, id, payload) select 'default', id, '1' from made)
     insert into posthorn.events (tenant, id, type, "timestamp", created_at, matched, schema_checked)
     select 'default', id, 'message.created', $1, $1, 0, true from made returning id`,
    [at],
  );
  return made?.["id"] ?? "";
};
const makeFinished = (eventId: string, daysAgo: number) =>
  rows(
    `insert into posthorn.finished_deliveries
       (attempts_made, tenant, id, event_id, webhook_id, created_at, finished_at, cause, status, reason)
     select 1, 'default', posthorn.uuid_v7($2::timestamptz, 1), $1, webhook_id, $2, $2, 'publish', 'dead', 'status'
     from posthorn.webhooks returning id`,
    [eventId, new Date(dayBefore(daysAgo).from.getTime() + DAY / 2)],
  );
const makePending = (eventId: string) =>
  rows(
    `insert into posthorn.deliveries (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
     select 2, 1, posthorn.uuid_v7(now(), 2), $1, webhook_id, now(), now(), 'default', 'replay' from posthorn.webhooks`,
    [eventId],
  );

test("whole days past the retention go, payloads after their own, and younger days stay", async () => {
  for (const day of [8, 30, 31, 40]) await makeDay(day);
  for (const day of [8, 40]) await makeFinished(await makeEvent(day), day);
  const { dropped } = await retire(30, 7);
  expect(dropped).toHaveLength(2 * 4 + 2);
  expect(await daysLeft(40)).toEqual([]);
  expect(await daysLeft(31)).toEqual([]);
  // Of this day the evening is not 30 days ago.
  expect(await daysLeft(30)).toEqual(["attempts", "events", "finished_deliveries"]);
  expect(await daysLeft(8)).toEqual(["attempts", "events", "finished_deliveries"]);
  expect(await daysLeft(0)).toEqual([...TABLES, ...STATISTICS]);
});

test("statistics by the minute go after two days, those by the hour with the rest", async () => {
  for (const day of [2, 3, 30, 31]) await makeDay(day, STATISTICS);
  await retire(30, 30);
  const left = [2, 3, 30, 31].map(daysLeft);
  expect(await Promise.all(left)).toEqual([STATISTICS, ["stats_hours"], ["stats_hours"], []]);
});

test("the day of an event with a pending delivery stays whole, until that has ended", async () => {
  for (const day of [40, 41]) await makeDay(day);
  await makeFinished(await makeEvent(41), 41);
  const event = await makeEvent(40);
  await makeFinished(event, 40);
  await makePending(event);
  await retire();
  expect([await daysLeft(40), await daysLeft(41)]).toEqual([TABLES, []]);
  expect(
    await rows("select payload from posthorn.v_events where type = 'message.created'"),
  ).toEqual([{ payload: "1" }]);
  await rows("delete from posthorn.deliveries");
  await retire();
  expect(await daysLeft(40)).toEqual([]);
});

test("the day of an event that is yet to be fanned out stays whole", async () => {
  await makeDay(40);
  await rows(
    `insert into posthorn.expansions (payload_bytes, event_id, created_at, tenant, webhook_ids)
     values (1, $1, now(), 'default', '{}')`,
    [await makeEvent(40)],
  );
  await retire();
  expect(await daysLeft(40)).toEqual(TABLES);
  await rows("delete from posthorn.expansions");
});

test("an attempt of a pending delivery stays, and so does what was delivered of its event later", async () => {
  for (const day of [40, 45]) await makeDay(day);
  const event = await makeEvent(45);
  const [finished] = await makeFinished(event, 40);
  await makePending(event);
  await rows(
    `insert into posthorn.attempts
       (number, duration_ms, webhook_version, webhook_id, delivery_id, id, at, tenant, worker)
     select 1, 1, gen_random_uuid(), webhook_id, id, $1, now(), tenant, 'a worker' from posthorn.deliveries`,
    [finished?.["id"]],
  );
  await retire();
  expect(await daysLeft(40)).toEqual(["attempts", "finished_deliveries"]);
});

test("the day on which a pending delivery was made stays until it has ended, however old its event", async () => {
  for (const day of [40, 45]) await makeDay(day);
  const event = await makeEvent(45);
  await makePending(event);
  await rows("update posthorn.deliveries set id = posthorn.uuid_v7($1::timestamptz, 2)", [
    new Date(dayBefore(40).from.getTime() + DAY / 2),
  ]);
  await retire();
  expect(await daysLeft(40)).toEqual(["finished_deliveries"]);
  await post("events.erase", { id: `evt_${event.replaceAll("-", "")}` }).expect(200);
  expect(
    await rows("select status from posthorn.finished_deliveries where event_id = $1", [event]),
  ).toEqual([{ status: "cancelled" }]);
});

test("an event stays for as long as a delivery that is kept points to it; its payload does not", async () => {
  await makeDay(40);
  const event = await makeEvent(40);
  const [finished] = await makeFinished(event, 0);
  await retire();
  expect(await daysLeft(40)).toEqual(["events"]);
  const id = `dlv_${finished?.["id"]?.replaceAll("-", "")}`;
  expect((await post("deliveries.info", { id })).body.type).toBe("message.created");
  expect((await post("deliveries.retry", { id })).body.code).toBe("payload_gone");
  await rows("delete from posthorn.finished_deliveries");
  await retire();
  expect(await daysLeft(40)).toEqual([]);
});

test("a delivery whose event is gone all the same is still shown", async () => {
  await makeDay(40);
  const [finished] = await makeFinished(await makeEvent(40), 0);
  await rows(`drop table posthorn.events_p${dayBefore(40).suffix}`);
  const id = `dlv_${finished?.["id"]?.replaceAll("-", "")}`;
  expect((await post("deliveries.info", { id })).body).toMatchObject({ status: "dead", type: "" });
  await rows("delete from posthorn.finished_deliveries");
});

test("a detach that was interrupted is finished by the next run, and blocks no other", async () => {
  for (const day of [40, 41]) await makeDay(day);
  const reader = await stranger();
  await reader.query("begin; select count(*) from posthorn.events");
  const first = await retire();
  expect(first.postponed).toContain(`events_p${dayBefore(41).suffix}`);
  expect(await rows("select from pg_inherits where inhdetachpending")).toHaveLength(1);
  await reader.query("commit");
  await retire();
  expect([await daysLeft(40), await daysLeft(41)]).toEqual([[], []]);
  expect(
    await rows("select from pg_class where relname ~ $1", [`_p${dayBefore(41).suffix}$`]),
  ).toEqual([]);
});

test("a retry that is committed while its event's day is being let go brings that day back", async () => {
  await makeDay(40);
  const event = await makeEvent(40);
  const reader = await stranger();
  await reader.query("begin; select count(*) from posthorn.events");
  await reader.query("select count(*) from posthorn.event_payloads");
  const retiring = retire();
  await until(
    () => rows("select from pg_inherits where inhdetachpending"),
    (pending) => pending.length > 0,
  );
  await makePending(event);
  await reader.query("commit");
  await retiring;
  await retire();
  expect(await daysLeft(40)).toEqual(expect.arrayContaining(["event_payloads", "events"]));
  expect(await rows("select payload from posthorn.v_events where id like 'evt_%'")).toHaveLength(1);
});

test("what a replay's step has queued, and not yet committed, is waited for: its event's day stays", async () => {
  await makeDay(40);
  const event = await makeEvent(40);
  await makeFinished(event, 40);
  const [made] = await rows(
    "select webhook_id, posthorn.uuid_v7(now(), 0) as id from posthorn.webhooks",
  );
  const { webhook_id, id = "" } = made ?? {};
  const step = await stranger();
  await step.query("begin");
  const always = "00000000-0000-0000-0000-000000000000";
  const search = {
    ...{ tenant: "default", webhook_id: Number(webhook_id), id, pending_then: [], by_first: false },
    ...({ wanted: "dead", since: always, until: id, position: always } as const),
    ...({ cause: "replay", counted_to: null } as const),
  };
  const { ids } = await queueMatches(step, search, horizonAt(new Date()), 9);
  expect(ids).toHaveLength(1);
  const retiring = retire();
  await until(
    () => rows("select from pg_inherits where inhdetachpending"),
    (pending) => pending.length > 0,
  );
  await step.query("commit");
  await retiring;
  await retire();
  expect(await daysLeft(40)).toEqual(
    expect.arrayContaining(["event_payloads", "events", "finished_deliveries"]),
  );
});

test("a day that stays, or came back, has no mark: an operator who detaches it then keeps it", async () => {
  const marked = () =>
    rows("select relname from pg_class where obj_description(oid, 'pg_class') is not null");
  const kept = `posthorn.event_payloads_p${dayBefore(40).suffix}`;

  await makeDay(40);
  const dump = await stranger();
  await dump.query(`begin; lock table ${kept} in access share mode`);
  await dump.query("lock table posthorn.event_payloads in access exclusive mode");
  const { postponed } = await retire(90, 30);
  expect(postponed).toEqual([kept.replace("posthorn.", "")]);
  await dump.query("rollback");
  expect(await marked()).toEqual([]);

  await rows(`comment on table ${kept} is 'past its retention'`); // by a run that was cut off
  await retire(90, 90);
  expect(await marked()).toEqual([]);

  const event = await makeEvent(40);
  await rows(`comment on table ${kept} is 'past its retention'`);
  await rows(`alter table posthorn.event_payloads detach partition ${kept}`);
  await makePending(event);
  await retire(90, 30);
  expect(await daysLeft(40)).toEqual(TABLES);
  expect(await marked()).toEqual([]);

  await rows("delete from posthorn.deliveries");
  await rows(`alter table posthorn.event_payloads detach partition ${kept}`);
  await retire(90, 30);
  expect(await rows(`select from ${kept}`)).toHaveLength(1);
  await rows(`drop table ${kept}`);
});

test("a run ends when it is told to, on a database that takes connections and says nothing", async () => {
  const silent = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;
  const url = `postgres://u@127.0.0.1:${port}/app`;
  const { pool, close } = connect(url, { name: "silent", max: 2, log: silentLog });
  const run = (signal: AbortSignal) =>
    retirePartitions({
      pool,
      retentionD: 30,
      payloadRetentionD: 30,
      log: silentLog,
      signal,
    });
  const ending = new AbortController();
  const connected = once(silent, "connection");
  const running = run(ending.signal);
  const [socket] = (await connected) as [Socket];
  ending.abort();
  await expect(running).rejects.toThrow("abort");
  await expect(run(ending.signal)).rejects.toThrow("abort");
  await expect(run(new AbortController().signal)).rejects.toThrow(/time/); // and by itself, in five seconds
  socket.destroy();
  silent.close();
  await close();
});

test("what was erased while its day was detached is not back with that day", async () => {
  await makeDay(40);
  const [event, other] = [await makeEvent(40), await makeEvent(40)];
  await makePending(other);
  const payloads = `posthorn.event_payloads_p${dayBefore(40).suffix}`;
  await rows(`alter table posthorn.event_payloads detach partition ${payloads}`);
  await rows(`comment on table ${payloads} is 'past its retention'`);
  await post("events.erase", { id: `evt_${event.replaceAll("-", "")}` }).expect(200);
  await eraseLate(connection.pool);
  await retire();
  expect(await daysLeft(40)).toEqual(TABLES);
  await eraseLate(connection.pool);
  expect(await rows(`select id from ${payloads}`)).toEqual([{ id: other }]);
});

test("what an operator has detached to keep is left alone", async () => {
  await makeDay(40);
  const kept = `posthorn.events_p${dayBefore(40).suffix}`;
  await rows(`alter table posthorn.events detach partition ${kept}`);
  await retire();
  expect(await rows(`select from ${kept}`)).toEqual([]);
  await rows(`drop table ${kept}`);
});

test("however long others read, no publish waits a second while days are made and let go", async () => {
  let aheadD = 62;
  // It is a lock that may not be waited for: what else a busy machine takes its time for is no fault of these.
  await until(
    () => publishMeanwhile(++aheadD),
    (waited) => waited === 0,
  );
});

/** Publishes while days are made, up to so many ahead, and let go; answers how many of them waited for a lock for a second. */
async function publishMeanwhile(aheadD: number): Promise<number> {
  for (const day of [40, 41, 42]) await makeDay(day);
  const [user, dump, publisher] = [await stranger(), await stranger(), await stranger()];
  await user.query(
    "begin; select count(*) from posthorn.v_events; select from posthorn.v_deliveries",
  );
  await dump.query("begin isolation level repeatable read");
  await dump.query(
    "lock table posthorn.events, posthorn.event_payloads, posthorn.attempts in access share mode",
  );
  const dumping = dump.query("select count(*), pg_sleep(5) from posthorn.events");
  const maintaining = new AbortController();
  const maintenance = Promise.all([
    retire().then(() => retire()),
    makePartitions(connection.pool, aheadD),
  ]).finally(() => maintaining.abort());
  await publisher.query("set lock_timeout = '1s'");
  const published: unknown[] = [];
  const waited: unknown[] = [];
  while (!maintaining.signal.aborted)
    await publisher.query("select posthorn.publish('message.created', '1')").then(
      (answer) => published.push(answer),
      (error: pg.DatabaseError) => {
        if (error.code !== "55P03") throw error;
        waited.push(error);
      },
    );
  await maintenance;
  await dumping;
  expect(published.length).toBeGreaterThan(20); // some thousand on a machine that does nothing else
  await Promise.all([user.query("commit"), dump.query("commit")]);
  await retire();
  expect(await daysLeft(42)).toEqual([]);
  return waited.length;
}

test("a role that may not change partitions is told so once, and each time that few days are left", async () => {
  const database = await createTestDatabase(); // two days ahead
  const owner = connect(database.url, { name: "owner", max: 1, log: silentLog });
  const role = `keeper_${randomBytes(4).toString("hex")}`;
  await owner.pool.query(`
    create role ${role} login;
    grant usage on schema posthorn to ${role};
    grant select on all tables in schema posthorn to ${role}`);
  const url = `${database.url}${database.url.includes("?") ? "&" : "?"}user=${role}`;
  const weak = connect(url, { name: "weak", max: 1, log: silentLog });
  const told: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => told.push(JSON.parse(line).msg) });
  const keep = createPartitionKeeper({
    pool: weak.pool,
    retentionD: 30,
    payloadRetentionD: 30,
    log,
  });
  for (let run = 0; run < 2; run++) await keep(new AbortController().signal);
  await weak.close();
  expect(told.filter((text) => text.includes("may not"))).toHaveLength(1);
  expect(told.filter((text) => text.includes("running out"))).toHaveLength(2);
  await owner.pool.query(`drop owned by ${role}; drop role ${role}`);
  await owner.close();
  await database.drop();
});
