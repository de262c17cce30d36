// The list of tenants, as whoever is paged asks for it: who is in it, what it says of each, and what it reads for that.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { listTenants } from "../../src/store/tenants.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

const TENANTS = 1_000;
const WEBHOOKS = 10_000;

let database: TestDatabase;
let client: pg.Client;
let connection: Connection; // of one session, so that counts are its own

beforeAll(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  connection = connect(database.url, { name: "tenants", max: 1, log: silentLog });
  await client.query(`
    with made as (
      insert into posthorn.webhooks (tenant, id, status, url, preset, events, channels, created_at, updated_at)
      select 't' || lpad((n % ${TENANTS})::text, 4, '0'), gen_random_uuid(), 'Subscribed', 'https://example.com/', 'airy', '{}', '{}',
        now(), now()
      from generate_series(0, ${WEBHOOKS - 1}) as n returning webhook_id, tenant
    ),
    stated as (insert into posthorn.webhook_states (webhook_id) select webhook_id from made),
    waiting as (
      insert into posthorn.deliveries
        (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
      select case when n = 1 then 0 else 1 end, 1, posthorn.uuid_v7(now(), 1), posthorn.uuid_v7(now(), 0), webhook_id,
        now() + case when n = 1 then interval '-90 s' else interval '1 hour' end, now(), tenant, 'publish'
      from made, generate_series(1, 3) as n
    )
    insert into posthorn.stats_hours (webhook_id, at, attempts, delivered, dead, retried, tenant, latencies)
    select 0, date_trunc('hour', now()) - n * interval '1 hour', 1, 1, 1, 0, tenant, '{}'
    from (select distinct tenant from made) as t, generate_series(0, 23) as n`);
  await client.query("vacuum analyze");
});
afterAll(async () => {
  await connection.close();
  await client.end();
  await database.drop();
});

const list = (after: string | null, limit: number) => listTenants(connection.db, { after, limit });

async function rowsRead(): Promise<number> {
  await connection.pool.query("select pg_stat_force_next_flush()");
  const { rows } = await connection.pool.query<{ read: number }>(
    `select sum(coalesce(idx_tup_fetch, 0) + seq_tup_read)::integer as read from pg_stat_user_tables
     where schemaname = 'posthorn'`,
  );
  return rows[0]?.read ?? Number.NaN;
}

test("each tenant tells its webhooks, backlog, oldest due and what died within a day", async () => {
  const [row] = await list("t0499", 1);
  const { oldest_due_at, ...counts } = row ?? {};
  expect(counts).toEqual({ name: "t0500", webhooks: 10, backlog: 30, dead_24h: 24 });
  expect(Date.now() - (oldest_due_at?.getTime() ?? 0)).toBeGreaterThan(85_000);
});

test("every tenant is listed once, by name, page by page", async () => {
  const names: string[] = [];
  for (let page = await list(null, 200); page.length > 0;) {
    names.push(...page.map(({ name }) => name));
    page = await list(names.at(-1) ?? null, 200);
  }
  expect(names).toEqual(["default", ...names.slice(1)]);
  expect(names).toHaveLength(TENANTS + 1);
  expect(names).toEqual([...new Set(names)].sort());
});

test("a page reads of its tenants alone, beside 1,000 tenants and 10,000 webhooks", async () => {
  await list("t0500", 20);
  const before = await rowsRead();
  const page = await list("t0500", 20);
  expect(page).toHaveLength(20);
  // 20 × (10 webhooks, twice; 30 pending, 10 due, 24 hours), and a probe of each index for a name.
  expect((await rowsRead()) - before).toBeLessThan(20 * 150);
});

test("a tenant that has a key, a type of its own, a role that publishes, or an event is among them", async () => {
  await client.query(
    "insert into posthorn.keys (id, name, scope, tenant, hash, created_at) values (gen_random_uuid(), 'x', 'read', 'ab', 'x', now())",
  );
  await client.query(
    "insert into posthorn.event_types (tenant, name, created_at, updated_at) values ('ac', 'x', now(), now())",
  );
  await client.query(
    "insert into posthorn.publishers (role, tenant) values (current_user::regrole, 'ad'), (current_user::regrole, '*')",
  );
  await client.query("select posthorn.publish('message.created', '1', tenant => 'ae')");
  const names = (await list(null, 5)).map(({ name }) => name);
  expect(names).toEqual(["ab", "ac", "ad", "ae", "default"]);
});
