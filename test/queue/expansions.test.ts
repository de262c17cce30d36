// Wide fan-outs: what a publish matched is kept in one row, and workers make the deliveries.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { expandSome } from "../../src/queue/expansions.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { until } from "../helpers/api.ts";
import { startTestService } from "../helpers/service.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

const WIDE = 1_001; // one more than the publisher's own transaction makes

let database: TestDatabase;
let connection: Connection;
let tenants = 0;
let tenant: string;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "expansions", max: 5, log: silentLog });
});
beforeEach(() => {
  tenant = `tenant-${++tenants}`;
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const rows = async (text: string, ...values: unknown[]) =>
  (await connection.pool.query(text, values)).rows;

/** Publishes over the inner function, as the HTTP door does: answers the number matched. */
async function publish(): Promise<number> {
  const [row] = await rows(
    "select matched from posthorn.store_events($1, '{message.created}', '{1}', '{null}', '{null}', '{null}', true)",
    tenant,
  );
  return row.matched;
}

async function expandAll(): Promise<number> {
  let steps = 0;
  while ((await expandSome(connection.pool)) > 0) steps += 1;
  return steps;
}

const expansions = async () =>
  Number(
    (await rows("select count(*) from posthorn.expansions where tenant = $1", tenant))[0].count,
  );
const pending = () =>
  rows(
    "select webhook_id, id, state, lane, created_at from posthorn.deliveries where tenant = $1 order by id",
    tenant,
  );
const finished = () =>
  rows(
    "select webhook_id, status, reason, cause, attempts_made from posthorn.finished_deliveries where tenant = $1",
    tenant,
  );
const idsOf = (deliveries: { webhook_id: number }[]) =>
  deliveries.map((delivery) => delivery.webhook_id).sort((a, b) => a - b);

test("up to a thousand deliveries are made by the publisher's transaction itself", async () => {
  const webhooks = await makeWebhooks(connection.pool, tenant, WIDE - 1);
  expect(await publish()).toBe(WIDE - 1);
  expect(idsOf(await pending())).toEqual(webhooks);
  expect(await expansions()).toBe(0);
});

test("a call's events that go to twenty thousand webhooks and more between them leave all but the narrow to workers", async () => {
  const webhooks = await makeWebhooks(connection.pool, tenant, 21);
  const [{ matched }] = await rows(
    `select sum(matched)::integer as matched from posthorn.store_events($1, array_fill('message.created'::text, array[1000]),
       array_fill('1'::text, array[1000]), array_fill(null::text, array[1000]), array_fill(null::timestamptz, array[1000]),
       array_fill(null::text, array[1000]), true)`,
    tenant,
  );
  expect(matched).toBe(21_000);
  expect(await pending()).toEqual([]);
  await expandAll();
  const made = await rows(
    "select webhook_id, count(distinct event_id)::integer as events from posthorn.deliveries where tenant = $1 group by 1 order by 1",
    tenant,
  );
  expect(made).toEqual(webhooks.map((webhook_id) => ({ webhook_id, events: 1_000 })));
});

test.each([WIDE, 10_000])(
  "an event for %d webhooks answers that number, and each gets exactly one delivery",
  async (width) => {
    const webhooks = await makeWebhooks(connection.pool, tenant, width);
    expect(await publish()).toBe(width);
    expect(await pending()).toEqual([]);
    expect(await expandAll()).toBe(Math.ceil(width / 1_000));
    const made = await pending();
    expect(idsOf(made)).toEqual(webhooks);
    expect(await expansions()).toBe(0);
    // In the order of the ids as the webhooks were matched, each id of the clock of its created_at.
    expect(made.map(({ webhook_id }) => webhook_id)).toEqual(webhooks);
    for (const { id, created_at } of made)
      expect(Number.parseInt(id.replace("-", "").slice(0, 12), 16)).toBe(created_at.getTime());
  },
);

test("a publish that is rolled back leaves nothing to expand", async () => {
  await makeWebhooks(connection.pool, tenant, WIDE);
  const client = await connection.pool.connect();
  await client.query("begin");
  await client.query("select posthorn.publish('message.created', '1', tenant => $1)", [tenant]);
  await client.query("rollback");
  client.release();
  expect(await expandAll()).toBe(0);
  expect([await expansions(), await pending()]).toEqual([0, []]);
});

describe("between the publish and its expansion", () => {
  test("a webhook that ended gets a cancelled delivery, a paused one a held one, a new one none", async () => {
    const [unsubscribed, deleted, paused, ...others] = await makeWebhooks(
      connection.pool,
      tenant,
      WIDE,
    );
    await publish();
    await rows(
      "update posthorn.webhooks set status = 'Unsubscribed' where webhook_id = $1",
      unsubscribed,
    );
    await rows("update posthorn.webhooks set deleted_at = now() where webhook_id = $1", deleted);
    await rows("update posthorn.webhooks set paused = true where webhook_id = $1", paused);
    await makeWebhooks(connection.pool, tenant, 1);
    await expandAll();
    const cancelled = { status: "cancelled", cause: "publish", attempts_made: 0 };
    expect(await finished()).toEqual([
      { webhook_id: unsubscribed, reason: "unsubscribed", ...cancelled },
      { webhook_id: deleted, reason: "deleted", ...cancelled },
    ]);
    const made = await pending();
    expect(idsOf(made)).toEqual([paused, ...others]);
    expect(made.filter(({ state }) => state === 2).map(({ webhook_id }) => webhook_id)).toEqual([
      paused,
    ]);
  });

  test("an event that was erased is sent to nobody: its deliveries are cancelled", async () => {
    await makeWebhooks(connection.pool, tenant, WIDE);
    await publish();
    await rows("delete from posthorn.event_payloads where tenant = $1", tenant);
    await expandAll();
    expect(await pending()).toEqual([]);
    const reasons = (await finished()).map(({ reason }) => reason);
    expect([reasons.length, ...new Set(reasons)]).toEqual([WIDE, "erased"]);
  });
});

test("deliveries to ordered webhooks are made at once, so that no later event overtakes them", async () => {
  const plain = await makeWebhooks(connection.pool, tenant, WIDE);
  const ordered = await makeWebhooks(connection.pool, tenant, 2, { order: "webhook" });
  expect(await publish()).toBe(WIDE + 2);
  const direct = await pending();
  expect(idsOf(direct)).toEqual(ordered);
  expect(direct.map(({ state, lane }) => [state, lane])).toEqual([
    [3, 0],
    [3, 0],
  ]);
  await expandAll();
  expect(idsOf(await pending())).toEqual([...plain, ...ordered].sort((a, b) => a - b));
});

test("a worker killed in the middle of a step loses nothing and repeats nothing", async () => {
  const webhooks = await makeWebhooks(connection.pool, tenant, 3_500);
  await publish();
  expect(await expandSome(connection.pool)).toBe(1_000);
  const victim = new pg.Client({ connectionString: database.url });
  victim.on("error", () => {});
  await victim.connect();
  await victim.query("begin");
  const { rows: step } = await victim.query(
    "select pg_backend_pid() as pid, posthorn.expand(1000) as made",
  );
  expect(step[0].made).toBe(1_000);
  expect(await expandSome(connection.pool)).toBe(0); // the one that is at it has it
  await rows("select pg_terminate_backend($1, 10000)", step[0].pid);
  await expandAll();
  expect(idsOf(await pending())).toEqual(webhooks);
  expect(await expansions()).toBe(0);
});

test("four workers at once make each delivery once", async () => {
  const webhooks = await makeWebhooks(connection.pool, tenant, 1_500);
  for (let event = 0; event < 6; event++) await publish();
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      while ((await expansions()) > 0) await expandSome(connection.pool);
    }),
  );
  const made = await pending();
  expect(made).toHaveLength(6 * webhooks.length);
  const [{ pairs }] = await rows(
    "select count(distinct (event_id, webhook_id))::integer as pairs from posthorn.deliveries where tenant = $1",
    tenant,
  );
  expect(pairs).toBe(6 * webhooks.length);
});

test("a running service expands by itself", async () => {
  const service = await startTestService({ DATABASE_URL: database.url });
  const webhooks = await makeWebhooks(connection.pool, tenant, WIDE, { paused: true });
  await publish();
  const made = await until(pending, (deliveries) => deliveries.length === webhooks.length);
  expect(new Set(made.map(({ state }) => state))).toEqual(new Set([2]));
  await service.stop();
});

describe("a publish reads by index when there are 10,000 webhooks", () => {
  test("planned on empty tables", async () => {
    expect(await tuplesReadOfTen(database, tenant)).toBeLessThan(100);
  });

  test("planned by statistics of one other tenant, whose webhooks take in all channels", async () => {
    const own = await createTestDatabase();
    const { pool, close } = connect(own.url, { name: "statistics", max: 1, log: silentLog });
    await makeWebhooks(pool, "another", 10_000);
    await pool.query("analyze");
    await close();
    expect(await tuplesReadOfTen(own, tenant)).toBeLessThan(100);
    await own.drop();
  });
});

/** What ten publishes read of routes and webhooks, of which each goes to one of 10,000. */
async function tuplesReadOfTen({ url }: TestDatabase, tenant: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const publishTo = async (channel: string): Promise<void> => {
    const text = "select posthorn.publish('message.created', '1', tenant => $1, channel => $2)";
    await client.query(text, [tenant, channel]);
  };
  for (let n = 0; n < 10; n++) await publishTo("none");
  const webhooks = await makeWebhooks(client, tenant, 10_000, { ownChannels: true });
  await client.query("begin");
  for (let n = 1; n <= 10; n++) await publishTo(String(n));
  // By this transaction alone: what other sessions have read is told up to ten seconds late.
  const { rows: sums } = await client.query(`
    select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer as tuples
    from pg_stat_xact_user_tables where relname in ('routes', 'webhooks')`);
  await client.query("commit");
  const { rows: made } = await client.query(
    "select webhook_id from posthorn.deliveries where tenant = $1 order by webhook_id",
    [tenant],
  );
  expect(made.map(({ webhook_id }) => Number(webhook_id))).toEqual(
    webhooks.slice(0, 10).sort((a, b) => a - b),
  );
  await client.end();
  const [{ tuples }] = sums;
  expect(tuples).toBeGreaterThan(0); // it was counted
  return tuples;
}
