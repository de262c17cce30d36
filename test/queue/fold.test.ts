// What the settles append, and what the fold makes of it: each attempt once, in the bucket in which it ended.
import { afterEach, beforeEach, expect, test } from "@jest/globals";

import { connect, type Connection } from "../../src/database/connect.ts";
import { DAY, HOUR, MINUTE } from "../../src/kernel/duration.ts";
import { ALL_TENANTS } from "../../src/kernel/fields.ts";
import { silentLog } from "../../src/kernel/log.ts";
import type { ClaimedDelivery } from "../../src/queue/claim.ts";
import { foldDeltas } from "../../src/queue/fold.ts";
import { countLatencies } from "../../src/queue/latency.ts";
import { settle, type Settlement } from "../../src/queue/settle.ts";
import { readNow, readStats, WHOLE_TENANT, type StatsRow } from "../../src/store/stats.ts";
import { claim } from "../helpers/claims.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let database: TestDatabase;
let worker: Connection;
let others: Connection;
let webhook: number;

beforeEach(async () => {
  database = await createTestDatabase();
  worker = connect(database.url, { name: "worker", max: 1, log: silentLog, plans: "pinned once" });
  others = connect(database.url, { name: "housekeeping", max: 2, log: silentLog, plans: "pinned" });
  const client = await others.pool.connect();
  [webhook] = (await makeWebhooks(client, "default", 1)) as [number];
  client.release();
});
afterEach(async () => {
  await worker.close();
  await others.close();
  await database.drop();
});

const publish = (count = 1) =>
  others.pool.query(
    "select posthorn.publish('message.created', n::text) from generate_series(1, $1) as n",
    [count],
  );
const claimAll = async () => (await claim(worker.pool)).deliveries;
/** The sums of the webhook, of the tenant, and of all tenants: these have to be the same here. */
const read = async (bucketS = 60) => {
  const now = (await readNow(others.db)).getTime();
  const span = { since: new Date(now - 3 * DAY), until: new Date(now + HOUR), bucketS };
  const [own, whole, all] = await Promise.all(
    [
      { tenant: "default", webhook_id: webhook },
      { tenant: "default", webhook_id: WHOLE_TENANT },
      { tenant: ALL_TENANTS, webhook_id: WHOLE_TENANT },
    ].map((of) => readStats(others.db, [of], span)),
  );
  const counted = (rows: StatsRow[] = []) =>
    rows.map(({ webhook_id: _, at_ms, latencies, ...row }) => ({
      ...row,
      at: new Date(at_ms),
      ...countLatencies(latencies),
    }));
  expect(counted(own)).toEqual(counted(whole));
  expect(counted(all)).toEqual(counted(whole));
  return counted(own);
};
const total = (histogram: number[] = []) => histogram.reduce((sum, count) => sum + count, 0);

function settlementOf(
  delivery: ClaimedDelivery,
  verdict: Settlement["verdict"],
  attempt: Partial<Settlement["attempt"]> = {},
): Settlement {
  return {
    delivery,
    verdict,
    dueAt: verdict === "retry" ? new Date(Date.now() + HOUR) : null,
    webhookNotBefore: null,
    proves: null,
    isOwnEvent: false,
    attempt: {
      number: delivery.attempts_made + 1,
      at: new Date(),
      resentAt: null,
      traceparent: null,
      durationMs: 10,
      worker: "a worker",
      keyVersion: null,
      address: null,
      status: verdict === "delivered" ? 200 : 500,
      reason: verdict === "delivered" ? null : "status",
      error: null,
      bodySha256: null,
      responseHeaders: null,
      responseBody: null,
      ...attempt,
    },
  };
}

test.each(["delivered", "dead", "retry"] as const)(
  "a settle that is repeated, its answer having been lost, counts nothing twice: %s",
  async (verdict) => {
    await publish();
    const settlements = (await claimAll()).map((delivery) => settlementOf(delivery, verdict));
    for (let n = 0; n < 2; n++) {
      await settle(worker.pool, settlements);
      await foldDeltas(others.pool);
    }
    const [row] = await read();
    expect(row).toMatchObject({
      attempts: 1,
      delivered: verdict === "delivered" ? 1 : 0,
      dead: verdict === "dead" ? 1 : 0,
      retried: verdict === "retry" ? 1 : 0,
    });
    expect([total(row?.attempt), total(row?.start)]).toEqual([1, 1]);
    const { rows } = await others.pool.query("select failures_in_row from posthorn.counters");
    expect(rows).toEqual([{ failures_in_row: verdict === "delivered" ? 0 : 1 }]);
  },
);

test("many are counted in the slots that they belong to, in one fold or in several", async () => {
  await publish(200);
  const deliveries = await claimAll();
  const at = new Date();
  for (const from of [0, 10, 60])
    for (let n = 0; n < 2; n++) {
      const batch = deliveries.slice(
        from + n * 5,
        from === 60 ? from + 65 + 70 * n : from + 5 + n * 5,
      );
      await settle(
        worker.pool,
        batch.map((delivery) => settlementOf(delivery, "delivered", { at, durationMs: 1 })),
      );
      await foldDeltas(others.pool);
    }
  const rows = await read(86_400);
  expect(rows).toHaveLength(1);
  const { attempts, attempt } = rows[0] as (typeof rows)[number];
  expect(attempt[0]).toBe(attempts);
  expect(total(attempt)).toBe(attempts);
  const kept = await others.pool.query(
    "select max(cardinality(latencies)) as most from posthorn.stats_hours",
  );
  expect(kept.rows).toEqual([{ most: expect.any(Number) }]);
  expect((kept.rows as { most: number }[])[0]?.most).toBeLessThanOrEqual(64);
});

test("an attempt counts where it ended, and what ended long ago in the first day there surely is", async () => {
  await publish(3);
  const [now, hourAgo, weekAgo] = [0, HOUR, 7 * DAY].map((ms) => new Date(Date.now() - ms)) as [
    Date,
    Date,
    Date,
  ];
  const deliveries = await claimAll();
  const ended = [now, hourAgo, weekAgo].map((at, n) =>
    settlementOf(deliveries[n] as ClaimedDelivery, "delivered", { at, durationMs: 2 * MINUTE }),
  );
  // There is no day for the record of an attempt of last week: its outcome is kept without.
  await settle(worker.pool, ended.slice(0, 2));
  await settle(worker.pool, ended.slice(2), { recorded: false });
  await foldDeltas(others.pool);
  const minute = (ms: number) => new Date(Math.floor(ms / MINUTE) * MINUTE);
  const clock = await readNow(others.db);
  const yesterday = new Date(Math.floor(clock.getTime() / DAY) * DAY - DAY);
  const anHourAgo = minute(hourAgo.getTime() + 2 * MINUTE);
  const rows = await read();
  expect(rows.map(({ at }) => at)).toEqual([yesterday, anHourAgo, rows[2]?.at]);
  // One that ended in the future, by a clock that is ahead, ended now.
  expect(rows[2]?.at.getTime()).toBeLessThanOrEqual(clock.getTime());
});

test("what no receiver was asked for has no latency, and what waited by an order, a rate or for a replay no start", async () => {
  await publish(2);
  const [first, second] = (await claimAll()) as [ClaimedDelivery, ClaimedDelivery];
  await settle(worker.pool, [
    settlementOf(first, "dead", { reason: "schema", status: null, durationMs: 0 }),
    settlementOf({ ...second, startable_ms: null }, "delivered"),
  ]);
  await foldDeltas(others.pool);
  const [row] = await read();
  expect(row).toMatchObject({ attempts: 2, delivered: 1, dead: 1 });
  expect([total(row?.attempt), total(row?.start)]).toEqual([1, 1]);
});

test("a first attempt could start when it was published or released; not one of an order, or that a rate may have held", async () => {
  const change = (text: string) => others.pool.query(text);
  const startable = async () => {
    await change("delete from posthorn.deliveries");
    await publish();
    await change(
      "update posthorn.deliveries set due_at = created_at + interval '1 second' where state < 2",
    );
    await change("update posthorn.deliveries set state = 0");
    const [delivery] = await claimAll();
    return delivery?.startable_ms ?? null;
  };
  expect(await startable()).toEqual(expect.any(Number));
  await change("update posthorn.webhooks set rate_limit_per_s = 100");
  expect(await startable()).toEqual(expect.any(Number));
  await change(
    "update posthorn.webhook_states set next_send_at = now() + interval '0.2 seconds' + interval '1 second'",
  );
  await change("update posthorn.webhooks set rate_limit_per_s = 1");
  expect(await startable()).toBeNull();
});

test("one worker folds at a time; another finds nothing to do, and waits for nobody", async () => {
  await publish(5);
  const deliveries = await claimAll();
  await settle(
    worker.pool,
    deliveries.map((delivery) => settlementOf(delivery, "delivered")),
  );
  const first = await others.pool.connect();
  await first.query("begin");
  await first.query("select from posthorn.locks where slot = -4 for update");
  expect((await foldDeltas(others.pool)).taken).toBe(0);
  await first.query("rollback");
  first.release();
  expect((await foldDeltas(others.pool)).taken).toBe(1);
});

test("what ended of several tenants is counted of each, and of all of them together", async () => {
  const client = await others.pool.connect();
  await makeWebhooks(client, "acme", 1);
  client.release();
  await publish();
  await others.pool.query(
    "select posthorn.publish('message.created', '1', tenant => 'acme') from generate_series(1, 2)",
  );
  await settle(
    worker.pool,
    (await claimAll()).map((delivery) => settlementOf(delivery, "delivered")),
  );
  await foldDeltas(others.pool);
  const { rows } = await others.pool.query(
    `select tenant, attempts, delivered, cardinality(latencies) as slots
     from posthorn.stats_hours where webhook_id = 0 order by tenant`,
  );
  expect(rows).toMatchObject([
    { tenant: "*", attempts: 3, delivered: 3 },
    { tenant: "acme", attempts: 2, delivered: 2 },
    { tenant: "default", attempts: 1, delivered: 1 },
  ]);
});
