// The search for deliveries: that each filter finds what it should, and reads little beside much that it does not take in.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { sql } from "kysely";
import pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { DAY } from "../../src/kernel/duration.ts";
import { lowestUuidAt } from "../../src/kernel/ids.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { DeliveryRow } from "../../src/store/deliveries.ts";
import { wholeTenant } from "../../src/store/reach.ts";
import type { DeliveryFilter } from "../../src/store/delivery-scan.ts";
import { searchDeliveries } from "../../src/store/delivery-search.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { rowsRead } from "../helpers/rows-read.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const DELIVERED = 20_000;
const RARE = 5; // of each kind
const ONCE = 15_000; // which has what no other has

let database: TestDatabase;
let connection: Connection; // of one session, so that counts are its own
let webhooks: number[];
let all: DeliveryRow[];

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "search", max: 1, log: silentLog });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  webhooks = await makeWebhooks(client, "default", 2);
  await client.query(
    `with made as (
       select n, now() - n * interval '10 ms' as at, kind.* from generate_series(1, ${DELIVERED}) as n
       left join (
         values (0, 'dead', 'status', 500, 'publish', 'message.created', null),
           (1, 'dead', 'status', 404, 'publish', 'message.created', null),
           (2, 'dead', 'tls', null, 'retry', 'message.created', null),
           (3, 'cancelled', 'unsubscribed', 503, 'publish', 'message.created', null),
           (4, 'delivered', null, 200, 'replay', 'message.created', null),
           (5, 'delivered', null, 200, 'publish', 'message.read', null),
           (6, 'delivered', null, 200, 'publish', 'message.created', '+1'),
           (7, 'delivered', null, 202, 'publish', 'contact.created', '+2')
       ) as kind (kind, status, reason, answer, cause, type, channel)
         on case when kind = 7 then n = ${ONCE} else n % ${DELIVERED / RARE} = 100 + kind end
     ),
     event as (
       insert into posthorn.events (tenant, id, type, channel, "timestamp", created_at, matched, schema_checked)
       select 'default', posthorn.uuid_v7(at, 0, '00000000-0000-0000-0000-000000000000'), coalesce(type, 'message.created'),
         channel, at, at, 1, true from made
     )
     insert into posthorn.finished_deliveries
       (attempts_made, tenant, id, event_id, webhook_id, sequence, created_at, finished_at, cause, status, reason, last_at, last_status)
     select 1, 'default', posthorn.uuid_v7(at, 1), posthorn.uuid_v7(at, 0, '00000000-0000-0000-0000-000000000000'),
       ($1::bigint[])[1 + n % 2], n, at, at, coalesce(cause, 'publish'), coalesce(status, 'delivered'), reason, at,
       case when kind is null then 200 else answer end
     from made`,
    [webhooks],
  );
  await client.query("select posthorn.publish('message.created', '1', channel => '+1')");
  await client.query("vacuum analyze");
  await client.end();
  ({ rows: all } = await search({ limit: DELIVERED + 10 }));
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const search = (filter: DeliveryFilter, monotonic = () => 0) =>
  searchDeliveries(connection.db, wholeTenant("default"), filter, monotonic);

const read = () => rowsRead(connection.pool, /^(finished_deliveries|events)_p/);

const isFailure = ({ last_status }: DeliveryRow) => last_status !== null && last_status >= 500;
const FILTERS: [string, Partial<DeliveryFilter>, (row: DeliveryRow) => boolean, number][] = [
  ["a status", { status: ["dead"] }, ({ status }) => status === "dead", 15],
  [
    "two statuses",
    { status: ["cancelled", "pending"] },
    ({ status }) => status === "cancelled" || status === "pending",
    7,
  ],
  ["a reason", { reason: "tls" }, ({ reason }) => reason === "tls", 5],
  ["a reason that nothing has", { reason: "dns" }, () => false, 0],
  ["a reason that its status never has", { reason: "tls", status: ["cancelled"] }, () => false, 0],
  [
    "an answer",
    { responseStatus: { from: 404, to: 404 } },
    ({ last_status }) => last_status === 404,
    5,
  ],
  ["a class of answers", { responseStatus: { from: 500, to: 599 } }, isFailure, 10],
  ["a cause", { cause: "replay" }, ({ cause }) => cause === "replay", 5],
  [
    "a cause and a status",
    { cause: "retry", status: ["dead"] },
    ({ cause, status }) => cause === "retry" && status === "dead",
    5,
  ],
];

describe.each(FILTERS)("by %s", (_, filter, isWanted, count) => {
  test("all that it takes in is found, newest or oldest first, and page by page", async () => {
    const wanted = all.filter(isWanted);
    expect(wanted).toHaveLength(count);
    expect(await search({ ...filter, limit: 100 })).toEqual({ rows: wanted, stoppedAt: null });
    const oldest = await search({ ...filter, limit: 100, oldestFirst: true });
    expect(oldest.rows).toEqual(wanted.toReversed());
    const paged: DeliveryRow[] = [];
    for (;;) {
      const after = paged.at(-1)?.id ?? null;
      const { rows } = await search({ ...filter, limit: 2, after });
      paged.push(...rows);
      if (rows.length < 2) break;
    }
    expect(paged).toEqual(wanted);
  });

  test("of one webhook, what is not taken in is not read", async () => {
    for (const webhookId of [undefined, webhooks[0]]) {
      const wanted = all.filter(
        (row) => isWanted(row) && [row.webhook_internal_id, undefined].includes(webhookId),
      );
      const before = await read();
      expect((await search({ ...filter, webhookId, limit: 100 })).rows).toEqual(wanted);
      expect((await read()) - before).toBeLessThan(200);
    }
  });
});

test.each([
  ["a type", { type: "message.read" }, ({ type }: DeliveryRow) => type === "message.read"],
  [
    "a prefix of types",
    { type: "message.*" },
    ({ type }: DeliveryRow) => type.startsWith("message."),
  ],
  [
    "a prefix of one type",
    { type: "contact.*" },
    ({ type }: DeliveryRow) => type.startsWith("contact."),
  ],
  ["a channel", { channel: "+1" }, ({ channel }: DeliveryRow) => channel === "+1"],
  [
    "a type and a status",
    { type: "message.created", status: ["dead" as const] },
    ({ type, status }: DeliveryRow) => type === "message.created" && status === "dead",
  ],
  ["a number", { sequence: 777 }, ({ sequence }: DeliveryRow) => sequence === 777],
])("deliveries of %s are found", async (_, filter, isWanted) => {
  for (const webhookId of webhooks)
    expect((await search({ ...filter, webhookId, limit: DELIVERED })).rows).toEqual(
      all.filter((row) => isWanted(row) && row.webhook_internal_id === webhookId),
    );
});

// Of what is passed over the first slice is read, and blocks that may hold what is looked for: some 2,000 rows each.
test.each<[string, Partial<DeliveryFilter>, number, number]>([
  ["a type", { type: "contact.created" }, 1, 18_000],
  ["a prefix of types", { type: "contact.*" }, 1, 18_000],
  ["a type that nothing has", { type: "campaign.completed" }, 0, 8_000],
  ["a channel", { channel: "+2" }, 1, 18_000],
  ["a channel that nothing has", { channel: "+3" }, 0, 8_000],
  ["a good answer", { responseStatus: { from: 202, to: 202 } }, 1, 10_000],
  ["a good answer that nothing had", { responseStatus: { from: 204, to: 204 } }, 0, 5_000],
  ["a number", { sequence: 777 }, 1, 10_000],
])("of 20,000, those of %s are found without reading all", async (_, filter, count, atMost) => {
  for (const oldestFirst of [false, true]) {
    const before = await read();
    const { rows } = await search({ ...filter, oldestFirst, limit: 20 });
    expect(rows).toHaveLength(count);
    expect((await read()) - before).toBeLessThan(atMost);
  }
});

test("what no index leads to is looked for for a while, and found by going on where that stopped", async () => {
  let now = 0;
  const hurried = () => (now += 40); // each slice takes as long as a whole look may
  const found: DeliveryRow[] = [];
  let looks = 0;
  for (let after: string | null = null; ; looks++) {
    const { rows, stoppedAt }: Awaited<ReturnType<typeof search>> = await search(
      { channel: "+1", limit: 100, after },
      hurried,
    );
    found.push(...rows);
    if (stoppedAt === null) break;
    after = stoppedAt;
  }
  expect(looks).toBeGreaterThan(3);
  expect(found).toEqual(all.filter(({ channel }) => channel === "+1"));
});

test("the time that the events of what is rare took to find is not lacking for their deliveries", async () => {
  const day = new Date(new Date().setUTCHours(0, 0, 0, 0) - 8 * DAY); // so long ago that it is looked through apart
  const name = `finished_deliveries_p${day.toISOString().slice(0, 10).replaceAll("-", "")}`;
  const next = new Date(day.getTime() + DAY);
  await sql`
    create table ${sql.id("posthorn", name)} partition of posthorn.finished_deliveries
    for values from (${sql.lit(lowestUuidAt(day))}) to (${sql.lit(lowestUuidAt(next))})`.execute(
    connection.db,
  );
  let now = 0;
  const slow = connection.db.withPlugin({
    transformQuery({ node }) {
      if (JSON.stringify(node).includes("event_types")) now += 40; // longer than a whole look may take
      return node;
    },
    transformResult: ({ result }) => Promise.resolve(result),
  });
  const filter = { type: "contact.*", limit: 100 }; // what a prefix stands for is asked for with the events
  const answer = await searchDeliveries(slow, wholeTenant("default"), filter, () => now);
  expect(now).toBe(40);
  const rows = all.filter(({ type }) => type.startsWith("contact."));
  expect(answer).toEqual({ rows, stoppedAt: null });
});

test("a span has its begin in it and not its end", async () => {
  const [until, since] = [all[100]?.created_at, all[110]?.created_at];
  const { rows } = await search({ limit: 100, since, until });
  expect(rows).toEqual(all.slice(101, 111));
});
