// Events: published through the inner function of the database, read by the API and by the delivery loop.
import { sql } from "kysely";
import type pg from "pg";

import { databaseError } from "../kernel/faults.ts";
import { lowestUuidAt, timeOfUuid } from "../kernel/ids.ts";
import { plainArray } from "../database/array-literal.ts";
import type { Db } from "../database/connect.ts";
import { partitionSuffix } from "../database/partitions.ts";
import { BUCKET } from "./tenant.ts";

const UNDEFINED_TABLE = "42P01";
const INSUFFICIENT_PRIVILEGE = "42501";

export type NewEvent = {
  type: string;
  /** JSON text. */
  payload: string;
  channel: string | null;
  timestamp: Date | null;
  idempotencyKey: string | null;
  /** Whether it was judged by its type's schema; false where that should have none. */
  isJudged: boolean;
};

export type StoredEvent = { event_id: string; matched: number; duplicate: boolean };

/**
 * Stores events with their deliveries in one transaction: all or, when one can't be taken, none. Their payloads must
 * be JSON, and where one that was not judged has a schema to fit it fails with PH412. With `lockMsMax`, one whose
 * idempotency key is held by another transaction for longer fails with 55P03.
 */
export async function storeEvents(
  pool: pg.Pool,
  tenant: string,
  events: readonly NewEvent[],
  lockMsMax?: number,
): Promise<StoredEvent[]> {
  const column = <T>(pick: (event: NewEvent) => T): T[] => events.map(pick);
  const isLimited = lockMsMax !== undefined;
  const { rows } = await pool.query<StoredEvent>({
    name: isLimited ? "publish within" : "publish",
    text: isLimited ? STORE_WITHIN : `select event_id, matched, duplicate from ${STORE})`,
    values: [
      tenant,
      column((event) => event.type),
      column((event) => event.payload),
      column((event) => event.channel),
      column((event) => event.timestamp),
      column((event) => event.idempotencyKey),
      events.every((event) => event.isJudged) ? true : null,
      ...(isLimited ? [String(lockMsMax)] : []),
    ],
  });
  return rows;
}

const STORE =
  "posthorn.store_events($1, $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::boolean";

// One statement, and so one round trip and one commit. The limit is set first, since the function is given what that
// answers: whether it is null, which it never is.
const STORE_WITHIN = `
  select event_id, matched, duplicate
  from (select set_config('lock_timeout', $8, true) as is_set offset 0) as limited
  cross join lateral ${STORE}, limited.is_set is null)`;

export type EventRow = {
  id: string;
  type: string;
  channel: string | null;
  timestamp: Date;
  payload: string | null;
  created_at: Date;
};

export type EventFilter = {
  id?: string | undefined;
  type?: string | undefined;
  channel?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  before?: string | undefined;
  limit: number;
};

/** The tenant's events, newest first: `since` included, `until` not, those before the id `before` only. */
export async function listEvents(db: Db, tenant: string, filter: EventFilter): Promise<EventRow[]> {
  const conditions = [
    sql`e.bucket = ${BUCKET} and e.tenant = ${tenant}`,
    filter.id !== undefined && sql`e.id = ${filter.id}`,
    filter.type !== undefined && sql`e.type = ${filter.type}`,
    filter.channel !== undefined && sql`e.channel = ${filter.channel}`,
    filter.since !== undefined && sql`e.id >= ${lowestUuidAt(filter.since)}`,
    filter.until !== undefined && sql`e.id < ${lowestUuidAt(filter.until)}`,
    filter.before !== undefined && sql`e.id < ${filter.before}`,
  ].filter((condition) => condition !== false);
  const { rows } = await sql<EventRow>`
    select e.id, e.type, e.channel, e."timestamp", p.payload, e.created_at
    from (
      select * from posthorn.events as e where ${sql.join(conditions, sql` and `)}
      order by e.id desc limit ${filter.limit}
    ) as e
    left join posthorn.event_payloads as p on p.bucket = e.bucket and p.tenant = e.tenant and p.id = e.id
    order by e.id desc`.execute(db);
  return rows;
}

/** One of the tenant's events, or undefined. */
export async function findEvent(db: Db, tenant: string, id: string): Promise<EventRow | undefined> {
  const [row] = await listEvents(db, tenant, { id, limit: 1 });
  return row;
}

/** An event as the loop sends it. */
export type EventToSend = {
  id: string;
  tenant: string;
  type: string;
  timestamp: Date;
  payload: string | null;
  schema_checked: boolean;
};

/**
 * Reads the events of claimed deliveries, each once however many webhooks want it. Those of one day, the usual case, come
 * from its partitions by name: through their parents the same took three times as long, most of it to plan for all the
 * days that there are.
 */
export function createEventReader(pool: pg.Pool) {
  let mayReadPartitions = true; // a role may have been let read the parents alone

  async function readOfDay(day: string, values: unknown[]): Promise<EventToSend[] | undefined> {
    try {
      const query = { name: `events ${day}`, text: eventsSql(day, "true"), values };
      return (await pool.query<EventToSend>(query)).rows;
    } catch (error) {
      const code = databaseError(error)?.code;
      if (code === INSUFFICIENT_PRIVILEGE) mayReadPartitions = false;
      else if (code !== UNDEFINED_TABLE) throw error; // of a day that retention has dropped
      return undefined;
    }
  }

  return async (
    deliveries: readonly { event_id: string; tenant: string }[],
  ): Promise<EventToSend[]> => {
    const tenants = new Map(deliveries.map((delivery) => [delivery.event_id, delivery.tenant]));
    const ids = [...tenants.keys()].sort();
    const [first = "", last = ""] = [ids[0], ids.at(-1)];
    const values = [plainArray(ids), plainArray(ids.map((id) => tenants.get(id) ?? null))];
    const day = partitionSuffix(timeOfUuid(first));
    const isOneDay = day === partitionSuffix(timeOfUuid(last));
    const found = isOneDay && mayReadPartitions ? await readOfDay(day, values) : undefined;
    if (found) return found;
    // By the span of ids it knows, when it begins, which days' partitions to read.
    const { rows } = await pool.query<EventToSend>({
      name: "events",
      text: eventsSql("", "id between $3 and $4"),
      values: [...values, first, last],
    });
    return rows;
  };
}

// The tenant stands before the id in the keys: without it the index of a day's partition is read from end to end, which
// took 490 ms beside 500,000 events where this takes 10. Lateral, so that statistics taken of an empty day can't make the
// planner read all of it either.
function eventsSql(day: string, within: string): string {
  return `
    select e.id, e.tenant, e.type, e."timestamp", p.payload, e.schema_checked
    from unnest($1::uuid[], $2::text[]) as wanted (id, tenant)
    cross join lateral (
      select * from posthorn.events${day}
      where bucket = 0 and tenant = wanted.tenant and id = wanted.id and ${within}
      offset 0
    ) as e
    left join lateral (
      select * from posthorn.event_payloads${day}
      where bucket = 0 and tenant = wanted.tenant and id = wanted.id and ${within}
      offset 0
    ) as p on true`;
}
