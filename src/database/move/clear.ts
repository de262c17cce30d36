// Clears a cell of a tenant that has left it. What its new cell does not have was committed late, and is forwarded there.
import type pg from "pg";

import { DAY } from "../../kernel/duration.ts";
import { MOVED, STAYING, literal } from "./tables.ts";

const ROWS_MAX = 1_000; // of one transaction, with all that hangs on each

/** What is to be forwarded, and what has been deleted. */
export type Cleared = { late: number; deleted: number };

/** Ids from `since` on, before `until`. */
export type Span = { since: string; until: string };

export const LAST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/**
 * Clears the next events of a tenant, with their deliveries: those that its cell has are deleted, and the rest are put into
 * `forwards` first, which the forwarder takes from there. Of a day that is past the retention none are late. Both undefined: there is
 * nothing more.
 */
export async function clearEvents(
  client: pg.ClientBase,
  to: pg.ClientBase | pg.Pool,
  { tenant, span, retentionD }: { tenant: string; span: Span; retentionD: number },
): Promise<Cleared> {
  const { rows } = await client.query<{ id: string; created_at: Date; now: Date }>(
    `select id, created_at, now() from posthorn.events
     where bucket = 0 and tenant = $1 and id >= $2 and id < $3 order by id limit ${ROWS_MAX}`,
    [tenant, span.since, span.until],
  );
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return { late: 0, deleted: 0 };
  const { rows: there } = await to.query<{ id: string }>(
    `select id from posthorn.events
     where bucket = 0 and tenant = $1 and id = any ($2::uuid[]) and id >= $3 and id <= $4`,
    [tenant, ids, ids[0], ids.at(-1)],
  );
  const known = new Set(there.map(({ id }) => id));
  const late = rows
    .filter(({ id, created_at, now }) => !known.has(id) && isKept(created_at, now, retentionD))
    .map(({ id }) => id);
  const bounds = [tenant, ids, ids[0], ids.at(-1)];
  const those = "bucket = 0 and tenant = $1 and id = any ($2::uuid[]) and id >= $3 and id <= $4";
  if (late.length > 0)
    await client.query(
      `insert into posthorn.forwards
         (tenant, id, type, channel, "timestamp", created_at, schema_checked, idempotency_key, traceparent, payload)
       select e.tenant, e.id, e.type, e.channel, nullif(e."timestamp", e.created_at), e.created_at, e.schema_checked, e.idempotency_key, e.traceparent,
         p.payload
       from posthorn.events as e
       join posthorn.event_payloads as p on p.bucket = 0 and p.tenant = e.tenant and p.id = e.id and p.id >= $3 and p.id <= $4
       where e.bucket = 0 and e.tenant = $1 and e.id = any ($2::uuid[]) and e.id >= $3 and e.id <= $4
       on conflict do nothing`,
      [tenant, late, late[0], late.at(-1)],
    );
  await client.query(
    `delete from posthorn.deliveries
     where bucket = 0 and event_id = any ($1::uuid[]) and event_id > '00000000-0000-0000-0000-000000000000'`,
    [ids],
  );
  await client.query(
    "delete from posthorn.expansions where bucket = 0 and event_id = any ($1::uuid[])",
    [ids],
  );
  await client.query(`delete from posthorn.event_payloads where ${those}`, bounds);
  await client.query(`delete from posthorn.events where ${those}`, bounds);
  return { late: late.length, deleted: ids.length };
}

function isKept(at: Date, now: Date, retentionD: number): boolean {
  const today = Math.floor(now.getTime() / DAY) * DAY;
  return at.getTime() >= today - retentionD * DAY;
}

/** Deletes the next of a tenant's finished deliveries, with their attempts. Answers how many. */
export async function clearFinished(client: pg.ClientBase, tenant: string): Promise<number> {
  return clearDeliveries(client, "finished_deliveries", tenant);
}

async function clearDeliveries(
  client: pg.ClientBase,
  table: "deliveries" | "finished_deliveries",
  tenant: string,
): Promise<number> {
  const { rows } = await client.query<{ id: string }>(
    `select id from posthorn.${table} where bucket = 0 and tenant = $1 order by id limit ${ROWS_MAX}`,
    [tenant],
  );
  const ids = rows.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await client.query(
    "delete from posthorn.attempts where bucket = 0 and delivery_id = any ($1::uuid[])",
    [ids],
  );
  await client.query(
    `delete from posthorn.${table} where bucket = 0 and tenant = $1 and id = any ($2::uuid[]) and id >= $3 and id <= $4`,
    [tenant, ids, ids[0], ids.at(-1)],
  );
  return ids.length;
}

// Last those that others are found by.
const IN_PASSES = ["deliveries", "finished_deliveries", "attempts", "events", "event_payloads"];
const LAST = ["webhooks", "keys"];

/** Deletes the next rows of all other tables. Answers how many; 0 where there are none left. */
export async function clearRest(client: pg.ClientBase, tenant: string): Promise<number> {
  const pending = await clearDeliveries(client, "deliveries", tenant);
  if (pending > 0) return pending;
  const tables = MOVED.filter(({ name }) => ![...IN_PASSES, ...STAYING].includes(name));
  const first = tables.filter(({ name }) => !LAST.includes(name));
  for (const { name, of } of [...first, ...tables.filter(({ name }) => LAST.includes(name))]) {
    const deleted = await client.query(
      `with these as materialized (
         select tableoid as part, ctid as place from posthorn.${name} where ${of(literal(tenant))} limit ${ROWS_MAX}
       )
       delete from posthorn.${name} as t using these where t.ctid = these.place and t.tableoid = these.part`,
    );
    if (deleted.rowCount) return deleted.rowCount;
  }
  return 0;
}
