// What is published in one database for tenants that live in another: two databases as two cells, home and us.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { createForwarder } from "../../src/delivery/forwarder.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { untilWaiting } from "../helpers/waiting.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let databases: TestDatabase[];
let line: DatabaseProxy; // to us
let connections: Connection[];
let home: pg.Pool;
let us: pg.Pool;
let usByLine: pg.Pool;
let now = 0;
let run: ReturnType<typeof createForwarder>;
let tenants = 0;
let tenant: string;

beforeAll(async () => {
  databases = [await createTestDatabase(), await createTestDatabase()];
  const [ofHome, ofUs] = databases.map(({ url }) => url) as [string, string];
  line = await startDatabaseProxy(ofUs);
  connections = [ofHome, ofUs, line.url].map((url) =>
    connect(url, { name: "forwarder", max: 5, log: silentLog }),
  );
  [home, us, usByLine] = connections.map(({ pool }) => pool) as [pg.Pool, pg.Pool, pg.Pool];
  await us.query("insert into posthorn.settings (name, value) values ('cell', 'us')");
  const pools = new Map([
    ["home", home],
    ["us", usByLine],
  ]);
  run = createForwarder({
    from: home,
    to: (cell) => pools.get(cell),
    retentionD: 30,
    clock: () => now,
    log: silentLog,
  });
});
beforeEach(async () => {
  tenant = `tenant-${++tenants}`;
  now += 60_000; // whatever was away before has had its time
  await place(tenant, "us");
});
afterAll(async () => {
  for (const connection of connections) await connection.close();
  await line.close();
  for (const database of databases) await database.drop();
});

/** Says to both cells where a tenant lives. */
async function place(name: string, cell: string): Promise<void> {
  for (const pool of [home, us])
    await pool.query(
      `insert into posthorn.placements (tenant, cell) values ($1, $2)
       on conflict (tenant) do update set cell = excluded.cell`,
      [name, cell],
    );
}

const rows = async (pool: pg.Pool | pg.PoolClient, text: string, ...values: unknown[]) =>
  (await pool.query(text, values)).rows;

/** Publishes by SQL; answers the event's UUID. */
async function publish(
  pool: pg.Pool | pg.PoolClient,
  payload: string,
  key: string | null = null,
): Promise<string> {
  const [row] = await rows(
    pool,
    "select posthorn.publish('message.created', $1, tenant => $2, idempotency_key => $3) as id",
    payload,
    tenant,
    key,
  );
  return row.id;
}

const payloads = async (pool: pg.Pool) =>
  (
    await rows(
      pool,
      "select payload from posthorn.event_payloads where tenant = $1 order by id",
      tenant,
    )
  ).map(({ payload }) => payload);
const forwards = async () =>
  (
    await rows(home, "select payload from posthorn.forwards where tenant = $1 order by id", tenant)
  ).map(({ payload }) => payload);
const deliveries = (pool: pg.Pool) =>
  rows(
    pool,
    `select p.payload, d.webhook_id from posthorn.deliveries as d
     join posthorn.event_payloads as p on p.tenant = d.tenant and p.id = d.event_id
     where d.tenant = $1 order by d.id`,
    tenant,
  );

async function runAll(): Promise<number> {
  let total = 0;
  for (;;) {
    const { forwarded, isMore } = await run();
    total += forwarded;
    if (!isMore) return total;
  }
}

test("an event of a tenant that lives elsewhere is kept with no delivery, and stored in its cell under the same id and time", async () => {
  const [webhook] = await makeWebhooks(us, tenant, 1);
  await makeWebhooks(home, tenant, 1); // left over from when it lived here
  await rows(home, "delete from posthorn.routes where tenant = $1", tenant); // gone with its placement
  const id = await publish(home, '{"n":  1}', "a key");
  const [{ matched }] = await rows(
    home,
    `select matched from posthorn.store_events($1, '{message.created}', '{2}', '{c}', '{null}', '{null}', false)`,
    tenant,
  );
  expect(matched).toBe(0);
  expect(await payloads(home)).toEqual([]);
  const kept = await rows(
    home,
    `select posthorn.public_id('evt', id) as id, type, channel, coalesce("timestamp", created_at) as "timestamp", created_at,
       idempotency_key
     from posthorn.forwards where tenant = $1 order by posthorn.forwards.id`,
    tenant,
  );

  expect(await run()).toEqual({ forwarded: 2, isMore: true });
  expect(await forwards()).toEqual([]);
  expect(await payloads(home)).toEqual([]);
  expect(
    await rows(
      us,
      `select posthorn.public_id('evt', id) as id, type, channel, "timestamp", created_at, idempotency_key
       from posthorn.events where tenant = $1 order by posthorn.events.id`,
      tenant,
    ),
  ).toEqual(kept);
  expect(kept[0].id).toBe(id);
  expect(await deliveries(us)).toEqual([
    { payload: '{"n":  1}', webhook_id: webhook },
    { payload: "2", webhook_id: webhook },
  ]);
});

test("an event is judged by the schema that its type has in its tenant's cell, whatever the copy says where it was published", async () => {
  const make = (pool: pg.Pool, name: string, schema: string | null) =>
    pool.query(
      `insert into posthorn.event_types (tenant, name, schema, enforce, created_at, updated_at)
       values ($1, $2, $3::json, $3 is not null, now(), now())`,
      [tenant, name, schema],
    );
  await make(us, "order.made", '{"type":"object"}');
  await make(us, "order.sent", null);
  await make(home, "order.made", null);
  await make(home, "order.sent", '{"type":"string"}');
  for (const type of ["order.made", "order.sent"])
    await home.query("select posthorn.publish($1, '1', tenant => $2)", [type, tenant]);
  await home.query(
    `select posthorn.store_events($1, '{order.made}', array['{}'], '{null}', '{null}', '{null}', true)`,
    [tenant],
  );
  expect(await runAll()).toBe(3);
  expect(
    await rows(
      us,
      "select type, schema_checked from posthorn.events where tenant = $1 order by id",
      tenant,
    ),
  ).toEqual([
    { type: "order.made", schema_checked: false },
    { type: "order.sent", schema_checked: true },
    { type: "order.made", schema_checked: true },
  ]);
});

test("what is wrong with an event is told to whoever publishes it, wherever its tenant lives", async () => {
  await expect(publish(home, "{")).rejects.toMatchObject({ code: "PH400" });
  await expect(
    rows(home, "select posthorn.publish('no.such', '1', tenant => $1)", tenant),
  ).rejects.toMatchObject({ code: "PH404", message: expect.stringContaining("publish again") });
  expect(await forwards()).toEqual([]);
});

test("an event is rolled back with the transaction of its publisher, and forwarded after others where that commits late", async () => {
  await makeWebhooks(us, tenant, 1, { order: "webhook" });
  const late = await home.connect();
  await late.query("begin");
  await publish(late, '"first, late"');
  await publish(home, '"second"');
  const undone = await home.connect();
  await undone.query("begin");
  await publish(undone, '"never"');
  await undone.query("rollback");
  undone.release();

  expect(await runAll()).toBe(1);
  await late.query("commit");
  late.release();
  expect(await runAll()).toBe(1);
  expect((await deliveries(us)).map(({ payload }) => payload)).toEqual([
    '"second"',
    '"first, late"',
  ]);
});

test("what is committed late in the cell that its tenant has left is forwarded, and what was published there before stays", async () => {
  await place(tenant, "home");
  await publish(home, '"before the move"');
  const late = await home.connect();
  await late.query("begin");
  await late.query("select 1"); // of a process that was stopped before it published
  await place(tenant, "us");
  await publish(late, '"after the move"');
  await late.query("commit");
  late.release();
  expect(await runAll()).toBe(1);
  expect(await payloads(home)).toEqual(['"before the move"']);
  expect(await payloads(us)).toEqual(['"after the move"']);
});

test("a forwarder that dies between the two commits has forwarded each event once, in order", async () => {
  await makeWebhooks(us, tenant, 1);
  const sent = Array.from({ length: 600 }, (_, n) => String(n));
  await rows(
    home,
    "select posthorn.publish('message.created', n, tenant => $2) from unnest($1::text[]) as n",
    sent,
    tenant,
  );
  const holder = await home.connect();
  await holder.query("begin");
  await rows(holder, "select from posthorn.forwards where tenant = $1 for update", tenant);
  const running = run();
  await untilWaiting(holder); // it has committed there, and lets go of nothing here yet
  expect(await payloads(us)).toHaveLength(500);
  await rows(
    holder,
    "select pg_terminate_backend(pid) from pg_stat_activity where pg_backend_pid() = any (pg_blocking_pids(pid))",
  );
  expect(await running).toEqual({ forwarded: 0, isMore: false });
  await holder.query("rollback");
  holder.release();
  expect(await forwards()).toHaveLength(600);

  now += 60_000;
  expect(await runAll()).toBe(600);
  expect((await deliveries(us)).map(({ payload }) => payload)).toEqual(sent);
});

test("of two forwarders one at a time takes a tenant's events", async () => {
  await publish(home, "1");
  const holder = await home.connect();
  await holder.query("begin");
  await rows(holder, "select from posthorn.forwards where tenant = $1 for update", tenant);
  const one = run();
  await untilWaiting(holder);
  expect(await run()).toEqual({ forwarded: 0, isMore: false });
  await holder.query("commit");
  holder.release();
  expect((await one).forwarded).toBe(1);
  expect(await runAll()).toBe(0);
});

test("a cell that is away keeps its own tenants waiting alone, and gets all when it is back", async () => {
  const away = tenant;
  await publish(home, '"waits"');
  await place((tenant = `tenant-${++tenants}`), "home");
  await rows(
    home,
    `insert into posthorn.forwards (tenant, id, type, "timestamp", created_at, schema_checked, payload)
     select $1, posthorn.uuid_v7_of(posthorn.uuid_v7_head(now()), 0, gen_random_uuid()), 'message.created', now(), now(), true,
       '"came home"'`,
    tenant,
  );
  line.refuse(/./);
  expect(await run()).toEqual({ forwarded: 1, isMore: true });
  expect(await payloads(home)).toEqual(['"came home"']);
  line.refuse(null);
  tenant = away;
  expect(await run()).toEqual({ forwarded: 0, isMore: false }); // within its wait the cell is left alone
  expect(await forwards()).toEqual(['"waits"']);
  now += 60_000;
  expect(await runAll()).toBe(1);
  expect(await payloads(us)).toEqual(['"waits"']);
});

test("an event of a day that its cell has no table for has one made; an older one than it keeps is set aside, and the next go on", async () => {
  await publish(home, '"old"');
  await publish(home, '"too old"');
  await publish(home, '"new"');
  await rows(
    home,
    `update posthorn.forwards as f set created_at = old.at, id = posthorn.uuid_v7_of(posthorn.uuid_v7_head(old.at), 0, f.id)
     from (values ('"old"', now() - interval '9 days'), ('"too old"', now() - interval '40 days')) as old (payload, at)
     where f.tenant = $1 and f.payload = old.payload`,
    tenant,
  );
  expect(await runAll()).toBe(2);
  expect(await payloads(us)).toEqual(['"old"', '"new"']);
  expect(
    await rows(
      home,
      "select payload, set_aside_as from posthorn.forwards where tenant = $1 and set_aside_at is not null",
      tenant,
    ),
  ).toEqual([{ payload: '"too old"', set_aside_as: "older than the 30 days that its cell keeps" }]);
});

test("an idempotency key makes one event of a tenant that lives elsewhere, whichever databases it is published in", async () => {
  const id = await publish(home, "1", "once");
  expect(await publish(home, "1", "once")).toBe(id);
  expect(await runAll()).toBe(1);
  expect(await publish(home, "1", "once")).toBe(id); // also when it is stored there
  await expect(publish(home, "2", "once")).rejects.toMatchObject({ code: "PH409" });
  expect(await runAll()).toBe(0);
  expect(await payloads(us)).toEqual(["1"]);
  expect(await publish(us, "1", "once")).toBe(id);
  await publish(us, "2", "there first");
  await publish(home, "2", "there first");
  expect(await runAll()).toBe(1);
  expect(await payloads(us)).toEqual(["1", "2"]);
  expect(await deliveries(us)).toEqual([]);
});

test("an event whose key another one has in its cell is set aside, and the next go on", async () => {
  await publish(us, "1", "theirs");
  await publish(home, "2", "theirs");
  await publish(home, "3");
  expect(await runAll()).toBe(1);
  expect(await payloads(us)).toEqual(["1", "3"]);
  const [aside] = await rows(
    home,
    "select payload, set_aside_as from posthorn.forwards where tenant = $1 and set_aside_at is not null",
    tenant,
  );
  expect(aside).toMatchObject({
    payload: "2",
    set_aside_as: expect.stringMatching(/^idempotency_key: already used/),
  });
});

test("a tenant without a placement lives in the default cell, and another default does not move it", async () => {
  await rows(home, "delete from posthorn.placements where tenant = $1", tenant);
  await rows(home, "insert into posthorn.placements (tenant, cell) values ('*', 'us')");
  await publish(home, "1");
  expect(await runAll()).toBe(1);
  await rows(home, "update posthorn.placements set cell = 'home' where tenant = '*'");
  await publish(home, "2");
  await rows(home, "delete from posthorn.placements where tenant = '*'");
  expect(await runAll()).toBe(1);
  expect(await payloads(us)).toEqual(["1", "2"]);
  expect(await payloads(home)).toEqual([]);
});
