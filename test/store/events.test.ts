// How the loop reads events: by what it wants of them, not by how many there are.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { createEventReader } from "../../src/store/events-to-send.ts";
import { until } from "../helpers/api.ts";
import { createTestDatabase, fill, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
  connection = connect(database.url, {
    name: "events",
    max: 1,
    log: silentLog,
    plans: "pinned once",
  });
});
afterAll(async () => {
  await connection.close();
  await database.drop();
});

const rows = async (statement: string) => (await connection.pool.query(statement)).rows;

/** Pages of the events' indexes read so far, by the server's own count. */
async function pagesRead(): Promise<number> {
  await rows("select pg_stat_force_next_flush()");
  const [sum] = await rows(`
    select sum(idx_blks_read + idx_blks_hit)::bigint as pages from pg_statio_user_indexes
    where relname ~ '^event(s|_payloads)_p'`);
  return Number(sum.pages);
}

test("events of a claim are found by a few pages each, beside 30,000 of other tenants that day", async () => {
  await fill(
    database.url,
    `with stored as (
      insert into posthorn.events (tenant, id, type, "timestamp", created_at, matched, schema_checked)
      select 'tenant-' || n, posthorn.uuid_v7(now(), n % 4096), 'message.created', now(), now(), 0, true
      from generate_series(1, 30000) as n
      returning tenant, id
    )
    insert into posthorn.event_payloads (tenant, id, payload) select tenant, id, '1' from stored`,
  );
  const wanted = await rows(
    "(select tenant, id as event_id from posthorn.events order by id limit 5) union all (select tenant, id from posthorn.events order by id desc limit 5)",
  );
  const readAll = async () => {
    const before = await pagesRead();
    const events = await createEventReader(connection.pool)([...wanted, ...wanted]);
    return { events, pages: (await pagesRead()) - before };
  };
  // Once more where autovacuum has been at them.
  const { events } = await until(readAll, ({ pages }) => pages < 100);
  expect(events.map(({ tenant, id }) => `${tenant} ${id}`).sort()).toEqual(
    wanted.map(({ tenant, event_id }) => `${tenant} ${event_id}`).sort(),
  );
  expect(events.every(({ payload }) => payload === "1")).toBe(true);
});
