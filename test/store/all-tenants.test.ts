// What admins look for over all tenants: found by indexes of its own, which nothing goes by that is asked of one tenant.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { DeliveryFilter } from "../../src/store/delivery-scan.ts";
import { searchDeliveries } from "../../src/store/delivery-search.ts";
import { findDelivery } from "../../src/store/deliveries.ts";
import { findKeyedEvents } from "../../src/store/find.ts";
import { wholeTenant, type Reach } from "../../src/store/reach.ts";
import { findEvent, searchEvents } from "../../src/store/seen-events.ts";
import { listWebhooks } from "../../src/store/webhook-list.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const TENANTS = 50;
const OF_EACH = 400;
const DEAD = 5; // of all tenants together
const ALL: Reach = { tenant: null, webhooks: null, isPortal: false };

let database: TestDatabase;
let connection: Connection; // of one session, so that counts are its own

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "all tenants", max: 1, log: silentLog });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  for (let n = 0; n < TENANTS; n++) await makeWebhooks(client, `t${n}`, 1);
  await client.query(
    `with made as (
       select w.tenant, w.webhook_id, n, now() - n * interval '20 ms' - (w.webhook_id % 20) * interval '1 ms' as at,
         n = 7 and w.tenant in ('t1', 't2', 't3', 't4', 't5') as is_rare
       from posthorn.webhooks as w, generate_series(1, ${OF_EACH}) as n
     ),
     identified as (select *, posthorn.uuid_v7(at, 0) as event_id from made),
     event as (
       insert into posthorn.events (tenant, id, type, "timestamp", created_at, matched, schema_checked)
       select tenant, event_id, 'message.created', at, at, 1, true from identified
     )
     insert into posthorn.finished_deliveries
       (attempts_made, tenant, id, event_id, webhook_id, created_at, finished_at, cause, status, reason, last_at, last_status)
     select 1, tenant, posthorn.uuid_v7(at, 1), event_id, webhook_id, at, at, case when is_rare then 'retry' else 'publish' end,
       case when is_rare then 'dead' else 'delivered' end, case when is_rare then 'status' end, at, 200
     from identified`,
  );
  await client.query(
    "select posthorn.publish('message.created', '1', tenant => t, idempotency_key => 'order-1') from unnest('{t7,t30}'::text[]) as t",
  );
  await client.query("vacuum analyze");
  await client.end();
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const search = (reach: Reach, filter: DeliveryFilter) =>
  searchDeliveries(connection.db, reach, filter, () => 0);
const events = (reach: Reach, limit = 10) => searchEvents(connection.db, reach, { limit }, () => 0);

async function stat(column: string, from: string): Promise<number> {
  await connection.pool.query("select pg_stat_force_next_flush()");
  const { rows } = await connection.pool.query<{ sum: number }>(
    `select coalesce(sum(${column}), 0)::integer as sum from ${from} where schemaname = 'posthorn'`,
  );
  return rows[0]?.sum ?? Number.NaN;
}
const rowsRead = () => stat("coalesce(idx_tup_fetch, 0) + seq_tup_read", "pg_stat_user_tables");
const scansOfAll = () =>
  stat(
    "case when indexrelname ~ '_all' or indexrelname ~ 'created_at|bucket_id' then idx_scan end",
    "pg_stat_user_indexes",
  );

test.each<[string, DeliveryFilter, number]>([
  ["the newest", { limit: 10 }, 10],
  ["those that are dead", { status: ["dead"], limit: 100 }, DEAD],
  ["those of a reason that nothing has", { reason: "tls", limit: 100 }, 0],
])(
  "of the deliveries of all tenants, %s are found, and little else is read",
  async (_, filter, count) => {
    await search(ALL, filter);
    const before = await rowsRead();
    const { rows } = await search(ALL, filter);
    expect(rows).toHaveLength(count);
    expect((await rowsRead()) - before).toBeLessThan(count * 20 + 100);
    expect(rows.map(({ id }) => id)).toEqual(
      rows
        .map(({ id }) => id)
        .toSorted()
        .reverse(),
    );
  },
);

test("the newest events of all tenants are listed, newest first, and little else is read", async () => {
  await events(ALL);
  const before = await rowsRead();
  const { rows } = await events(ALL);
  expect(rows).toHaveLength(10);
  expect(new Set(rows.map(({ tenant }) => tenant)).size).toBeGreaterThan(1);
  expect((await rowsRead()) - before).toBeLessThan(200);
});

test("an id is found wherever it is, by an index", async () => {
  const { rows } = await search(ALL, { status: ["dead"], limit: 1 });
  const { id, event_id, tenant } = rows[0] ?? { id: "", event_id: "", tenant: "" };
  expect(tenant).toMatch(/^t[1-5]$/);
  await findDelivery(connection.db, ALL, id);
  const before = await rowsRead();
  expect(await findDelivery(connection.db, ALL, id)).toMatchObject({ id, tenant });
  expect(await findEvent(connection.db, ALL, event_id)).toMatchObject({ id: event_id, tenant });
  expect((await rowsRead()) - before).toBeLessThan(200); // of 20,000
  const other = wholeTenant("t40");
  expect(await findDelivery(connection.db, other, id)).toBeUndefined();
  expect(await findEvent(connection.db, other, event_id)).toBeUndefined();
});

test("an idempotency key is found under each tenant that used it", async () => {
  const ids = await findKeyedEvents(connection.db, ALL, "order-1", 10);
  const found = await Promise.all(ids.map((id) => findEvent(connection.db, ALL, id)));
  expect(found.map((event) => event?.tenant)).toEqual(["t30", "t7"]);
  expect(await findKeyedEvents(connection.db, wholeTenant("t7"), "order-1", 10)).toHaveLength(1);
});

test("webhooks of all tenants are paged by an index", async () => {
  const page = { after: null, limit: 5, bytesMax: 1e6 };
  expect(await listWebhooks(connection.db, ALL, page)).toHaveLength(5);
  const { rows } = await connection.pool.query<{ "QUERY PLAN": string }>(
    `explain select * from posthorn.webhooks as w where true and w.deleted_at is null
     order by created_at desc, webhook_id desc limit 5`,
  );
  expect(rows.map((row) => row["QUERY PLAN"]).join("\n")).toContain("webhooks_all");
});

test("nothing that is asked of one tenant goes by an index over all of them", async () => {
  const own = wholeTenant("t9");
  const ask = async () => {
    const { rows } = await search(own, { limit: 10 });
    await search(own, { status: ["dead"], limit: 10 });
    await search(own, { cause: "retry", limit: 10 });
    await findDelivery(connection.db, own, rows[0]?.id ?? "");
    await events(own);
    return rows.length;
  };
  const before = await scansOfAll();
  expect(await ask()).toBe(10);
  expect((await scansOfAll()) - before).toBe(0);
  await search(ALL, { limit: 10 });
  expect((await scansOfAll()) - before).toBeGreaterThan(0); // such scans are seen
});
