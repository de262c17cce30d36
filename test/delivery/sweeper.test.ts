// The housekeeping's pace: on time also where nothing else happens.
import { afterAll, beforeAll, test } from "@jest/globals";

import { connect, type Connection } from "../../src/database/connect.ts";
import { startSweeper } from "../../src/delivery/sweeper.ts";
import { monotonic } from "../../src/kernel/clock.ts";
import { MINUTE } from "../../src/kernel/duration.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { until } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, { name: "sweeper", max: 4, log: silentLog });
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

/** How late it is made ready, in milliseconds. */
async function lateness(webhook: number): Promise<number> {
  await connection.pool.query("delete from posthorn.deliveries");
  await connection.pool.query(
    `insert into posthorn.deliveries
       (state, attempts_made, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
     select 1, 1, 1, gen_random_uuid(), gen_random_uuid(), $1, now() + interval '2.1 seconds', now(), 'quiet', 'publish'`,
    [webhook],
  );
  let aheadMs = 0;
  let ready = () => {};
  const wasReady = new Promise<void>((resolve) => (ready = resolve));
  const sweeper = startSweeper({
    pool: connection.pool,
    loopPool: connection.pool,
    idempotencyH: 72,
    holdH: 168,
    disableAfterH: 120,
    retentionD: 30,
    tellTotals: () => Promise.resolve(0),
    tellHold: () => Promise.resolve(false),
    keepPartitions: () => Promise.resolve(0),
    monotonic: () => monotonic() + aheadMs,
    ready,
    log: silentLog,
  });
  aheadMs = MINUTE;
  await wasReady;
  const { rows } = await connection.pool.query<{ late: number }>(
    "select extract(epoch from now() - due_at)::float8 * 1000 as late from posthorn.deliveries where state = 0",
  );
  await sweeper.stop();
  return rows[0]?.late ?? Number.NaN;
}

test("a wait ends within a second of its time in a service that has been quiet for a minute", async () => {
  const [webhook = 0] = await makeWebhooks(connection.pool, "quiet", 1);
  // At the pace of quiet times it would be 1,900 each time; a busy machine may be late once.
  await until(
    () => lateness(webhook),
    (ms) => ms < 1_500,
  );
});
