// What the questions of one who looks for something read, beside much that they are not about.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { createSealer } from "../../src/database/sealed.ts";
import { reconcile } from "../../src/events/reconcile.ts";
import { info as eventInfo } from "../../src/events/read.ts";
import { whyNot } from "../../src/events/why-not.ts";
import { createCursors } from "../../src/kernel/cursor.ts";
import { wholeRoom } from "../../src/kernel/lists.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { TenantStore } from "../../src/store/tenant.ts";
import { history } from "../../src/webhooks/history.ts";
import { list } from "../../src/webhooks/read.ts";
import type { ListInput } from "../../src/webhooks/schema.ts";
import { wholeTenant } from "../../src/store/reach.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { rowsRead } from "../helpers/rows-read.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const WEBHOOKS = 5_000;
const DELIVERIES = 20_000; // four of each webhook
const CHANGES = 60; // of one webhook
const FANNED = 30; // webhooks that one event went to
const PAGE = 20;

let database: TestDatabase;
let connection: Connection; // of one session, so that counts are its own
let event: string; // that went to some
let one: { id: string; webhook_id: number };

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "reads", max: 1, log: silentLog });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await makeWebhooks(client, "default", WEBHOOKS);
  await client.query(`
    insert into posthorn.webhook_versions (webhook_id, version, tenant, url, preset, headers_masked, valid_from)
    select webhook_id, version, tenant, url, preset, '{}', created_at from posthorn.webhooks`);
  await client.query(
    "select posthorn.keep_change(webhook_id, null, null) from posthorn.webhooks as w",
  );
  const { rows } = await client.query<{ id: string; webhook_id: string }>(
    "select id, webhook_id from posthorn.webhooks order by webhook_id limit 1",
  );
  one = { id: rows[0]!.id, webhook_id: Number(rows[0]!.webhook_id) };
  for (let n = 0; n < CHANGES; n++)
    await client.query("select posthorn.keep_change($1, null, 'me')", [one.webhook_id]);
  const made = await client.query<{ id: string }>(
    `with clock as materialized (select posthorn.uuid_v7(now(), 0) as fanned),
     made as materialized (
       select webhook_id, place, at, posthorn.uuid_v7(at, 0) as event_id, posthorn.uuid_v7(at, 1) as id
       from (select webhook_id, row_number() over (order by webhook_id) as place from posthorn.webhooks) as w,
         generate_series(1, ${DELIVERIES / WEBHOOKS}) as n,
         lateral (select now() - n * interval '1 second' as at) as clock
     ),
     sent as materialized (
       select webhook_id, at, event_id, id from made
       union all
       select webhook_id, now(), clock.fanned, posthorn.uuid_v7(now(), 1) from made, clock
       where place <= ${FANNED} group by webhook_id, clock.fanned
     ),
     event as (
       insert into posthorn.events (tenant, id, type, "timestamp", created_at, matched, schema_checked)
       select distinct 'default', event_id, 'message.created', at, at, 1, true from sent
     ),
     finished as (
       insert into posthorn.finished_deliveries
         (attempts_made, tenant, id, event_id, webhook_id, sequence, created_at, finished_at, cause, status, last_at, last_status)
       select 1, 'default', id, event_id, webhook_id, 1, at, at, 'publish', 'delivered', at, 200 from sent
     ),
     hours as (
       insert into posthorn.stats_hours (tenant, webhook_id, at, attempts, delivered, dead, retried, latencies)
       select distinct 'default', webhook_id, date_trunc('hour', now()), 10, 10, 0, 0, '{}'::bigint[] from made
     )
     select posthorn.public_id('evt', fanned) as id from clock`,
  );
  event = made.rows[0]!.id;
  await trouble(client);
  await client.query("vacuum analyze");
  await client.end();
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

// One of each kind.
async function trouble(client: pg.Client): Promise<void> {
  await client.query(`
    with places as (select webhook_id, row_number() over (order by webhook_id) as place from posthorn.webhooks)
    update posthorn.webhooks as w
    set health = (array['disabled', 'failing', 'ok'])[place], paused = place = 3,
      external_id = case when place = 3 then 'its own' end
    from places where places.webhook_id = w.webhook_id and place <= 3`);
  await client.query(`
    update posthorn.webhook_states set not_before = now() + interval '1 hour'
    where webhook_id = (select webhook_id from posthorn.webhooks order by webhook_id offset 3 limit 1)`);
  await client.query(`
    insert into posthorn.counters (webhook_id, failures_in_row)
    select webhook_id, case place when 5 then 1 else 0 end
    from (select webhook_id, row_number() over (order by webhook_id) as place from posthorn.webhooks) as w`);
}

const store = (): TenantStore => ({
  db: connection.db,
  pool: connection.pool,
  tenant: "default",
  reach: wholeTenant("default"),
  keyId: "admin",
  sealer: createSealer([Buffer.alloc(32)]),
  cursors: createCursors(Buffer.alloc(32)),
  monotonic: () => 0, // nothing is looked for too long
  room: wholeRoom((make) => make()),
  share: (work) => work(),
});
const day = () => new Date(Date.now() - 86_400_000);
const listed = async (filter: Partial<ListInput>) =>
  (await list({ store: store(), scope: "admin" }, { page_size: PAGE, ...filter })).data.length;

test.each<[string, () => Promise<unknown>, unknown, number]>([
  [
    "events.why_not, a page",
    async () =>
      (await whyNot({ store: store(), holdH: 72 }, input({ id: uuid(event) }))).data.length,
    PAGE,
    700,
  ],
  [
    "events.why_not, of one webhook that got it",
    async () =>
      (await whyNot({ store: store(), holdH: 72 }, input({ id: uuid(event), webhook_id: one.id })))
        .data,
    [],
    30, // 16 to 21, as vacuum left the tables
  ],
  [
    "events.info, which counts the webhooks",
    async () => (await eventInfo(store(), uuid(event))).webhooks_without,
    WEBHOOKS - FANNED,
    2 * WEBHOOKS + 5 * FANNED, // and may join their states by reading all
  ],
  [
    "events.reconcile, of one webhook's day",
    async () =>
      (
        await reconcile(
          { store: store(), published: () => {} },
          { webhook_id: one.id, since: day(), received: [] },
        )
      ).missing.length,
    DELIVERIES / WEBHOOKS + 1,
    50,
  ],
  [
    "webhooks.history, a page",
    async () => (await history(store(), input({ id: one.id }))).data.length,
    PAGE,
    100,
  ],
  ["webhooks.list", () => listed({}), PAGE, 100],
  ["webhooks.list, with counts", () => listed({ with_counts: true }), PAGE, 150],
  ["webhooks.list, trouble first", () => listed({ sort: "trouble" }), PAGE, 150],
  ["webhooks.list, of a health", () => listed({ health: "failing" }), 1, 20],
  ["webhooks.list, by an external id", () => listed({ external_id: "its own" }), 1, 20],
])("%s reads little more than it answers", async (_, ask, answer, atMost) => {
  // The least of three: what autovacuum reads meanwhile counts too.
  const read: number[] = [];
  for (let n = 0; n < 3; n++) {
    const before = await rowsRead(connection.pool, /./);
    expect(await ask()).toEqual(answer);
    read.push((await rowsRead(connection.pool, /./)) - before);
  }
  expect(Math.min(...read)).toBeLessThan(atMost);
});

const input = <T extends object>(of: T) => ({ page_size: PAGE, ...of });
const uuid = (id: string) => id.replace(/^\w+_(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");

test("webhooks in trouble are listed before all that are well, whatever page", async () => {
  const ids: string[] = [];
  for (let cursor: string | null = null; ids.length < 60;) {
    const page: Awaited<ReturnType<typeof list>> = await list(
      { store: store(), scope: "admin" },
      { page_size: 3, sort: "trouble", ...(cursor !== null && { cursor }) },
    );
    ids.push(...page.data.map(({ id }) => id));
    cursor = page.pagination_data.next_cursor;
  }
  expect(new Set(ids).size).toBe(60);
  const { rows } = await connection.pool.query<{ id: string }>(
    "select id from posthorn.webhooks order by webhook_id limit 5",
  );
  const troubled = rows.map(({ id }) => id);
  expect(ids.slice(0, 2)).toEqual(troubled.slice(0, 2));
  expect(ids.slice(2, 4).sort()).toEqual(troubled.slice(2, 4).sort());
  expect(ids[4]).toBe(troubled[4]);
});
