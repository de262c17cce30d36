// What the hot statements read: planned while the queue is empty, they have to be good for a long one.
import { afterEach, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { park, unpark } from "../../src/queue/hold.ts";
import { advanceSome, FIRST_LANE } from "../../src/queue/lanes.ts";
import { createRequeue } from "../../src/queue/requeue.ts";
import { settle, type Settlement } from "../../src/queue/settle.ts";
import { stageDue } from "../../src/queue/sweep.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { claim } from "../helpers/claims.ts";
import { rowsRead } from "../helpers/rows-read.ts";
import { createTestDatabase, fill, type TestDatabase } from "../helpers/database.ts";

const ROWS = 20_000;
const WEBHOOKS = 100;

let database: TestDatabase;
let worker: Connection; // of one session, so that plans and counts are its own

afterEach(async () => {
  await worker.close();
  await database.drop();
});

const attempt: Settlement["attempt"] = {
  number: 1,
  at: new Date(),
  resentAt: null,
  traceparent: null,
  durationMs: 1,
  worker: "a worker",
  keyVersion: null,
  address: null,
  status: 200,
  reason: null,
  error: null,
  bodySha256: null,
  responseHeaders: null,
  responseBody: null,
};

let requeue: () => Promise<number>;

async function work(): Promise<number> {
  const { deliveries } = await claim(worker.pool, { limit: 50 });
  const settlements = deliveries.map((delivery, n) => ({
    delivery,
    verdict: n % 2 ? ("delivered" as const) : ("retry" as const),
    dueAt: new Date(Date.now() + 3_600_000),
    webhookNotBefore: null,
    proves: true,
    isOwnEvent: false,
    attempt,
  }));
  await settle(worker.pool, settlements);
  await stageDue(worker.pool);
  await park(worker.pool);
  await unpark(worker.pool);
  await requeue();
  await advanceSome(worker.pool, FIRST_LANE);
  return deliveries.length;
}

const read = () => rowsRead(worker.pool, /^deliveries$/);

test.each(["pinned", "pinned once"] as const)(
  "planned on an empty and vacuumed queue, %s, they read beside 20,000 rows little more than they change",
  async (plans) => {
    database = await createTestDatabase();
    await prepareDatabase(database.url, { log: silentLog, seed: writeCatalogue, daysAhead: 2 });
    worker = connect(database.url, { name: "plans", max: 1, log: silentLog, plans });
    requeue = createRequeue(worker.pool);
    await worker.pool.query("alter table posthorn.deliveries set (autovacuum_enabled = false)");
    await worker.pool.query("vacuum analyze posthorn.deliveries");
    for (let n = 0; n < 8; n++) expect(await work()).toBe(0); // from the sixth on the plan stays
    await worker.pool.query(`
    with made as (
      insert into posthorn.webhooks
        (tenant, id, status, url, preset, events, channels, delivery_order, created_at, updated_at)
      select 'plans', gen_random_uuid(), 'Subscribed', 'https://example.com/', 'airy', '{}', '{}',
        (array['none', 'webhook', 'channel'])[n % 3 + 1], now(), now()
      from generate_series(1, ${WEBHOOKS}) as n returning webhook_id
    ), state as (insert into posthorn.webhook_states (webhook_id, proven) select webhook_id, true from made)
    insert into posthorn.routes select 'plans', '*', webhook_id::text, webhook_id from made`);
    await fill(
      database.url,
      `select posthorn.publish('message.created', '1', tenant => 'plans', channel => r.channel)
     from posthorn.routes as r, generate_series(1, ${ROWS / WEBHOOKS}) where r.tenant = 'plans'`,
    );
    const before = await read();
    let changed = 0;
    for (let n = 0; n < 5; n++) changed += await work();
    expect(changed).toBe(250);
    expect((await read()) - before).toBeLessThan(5_000);

    // Each webhook of one of the three gets the next one's order.
    await worker.pool.query(`
      update posthorn.webhooks set delivery_order =
        case delivery_order when 'none' then 'webhook' when 'webhook' then 'channel' else 'none' end`);
    await worker.pool.query(
      "select posthorn.requeue(array(select webhook_id from posthorn.webhooks))",
    );
    const ordered = await read();
    await claim(worker.pool, { limit: 50 });
    await advanceSome(worker.pool, FIRST_LANE);
    expect((await read()) - ordered).toBeLessThan(2_000);
    for (let n = 0; n < WEBHOOKS; n++) await requeue();
    expect((await read()) - ordered).toBeLessThan(5 * ROWS);
  },
);
