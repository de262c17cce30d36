// Events: published through the inner function of the database, read by the API and by the delivery loop.
import { sql, type RawBuilder } from "kysely";
import type pg from "pg";

import type { Db } from "../database/connect.ts";
import { readBy } from "../database/read.ts";
import type { Sized } from "../kernel/lists.ts";
import { sliced } from "../kernel/slices.ts";
import { plainArray } from "../database/array-literal.ts";
import {
  groupsOfDays,
  partsBack,
  readParts,
  readSpan,
  spanOfAll,
  within,
  type Span,
} from "../database/days.ts";
import { BUCKET } from "./tenant.ts";
import { isOfTenant, isSeenType, type Reach } from "./reach.ts";
import { withinBytes } from "./within-bytes.ts";

export type NewEvent = {
  type: string;
  /** JSON text. */
  payload: string;
  channel: string | null;
  timestamp: Date | null;
  idempotencyKey: string | null;
  /** The trace that it belongs to. */
  traceparent: string | null;
  /** Whether it was judged by its type's schema; false where that should have none. */
  isJudged: boolean;
  /** Of the caller's API key, where that is to be judged with the storing. */
  apiKey: string | null;
};

/** An event's UUID, and the instant that it was made of, as ISO text with microseconds. */
export type EventId = { id: string; at: string };

/** An event as it is stored; `isAgain` where an earlier try may have stored it. */
export type NamedEvent = NewEvent & { own: EventId; isAgain: boolean };

export type StoredEvent = { event_id: string; matched: number; duplicate: boolean };

/** What the database answers of a list of events, and what its clock showed when the statement came, in milliseconds. */
export type Stored = { rows: StoredEvent[]; timeMs: number };

/** The database's clock, in milliseconds with their fraction. */
export async function readClock(client: pg.ClientBase | pg.Pool): Promise<number> {
  const { rows } = await client.query<{ ms: number }>(`select ${TIME_MS} as ms`);
  return rows[0]?.ms ?? Number.NaN;
}

const TIME_MS = "date_part('epoch', statement_timestamp()) * 1000";

/**
 * Stores events with their deliveries in one transaction: all or, when one can't be taken, none. Their payloads must
 * be JSON, and where one that was not judged has a schema to fit it fails with PH412. With `lockMsMax`, one whose
 * idempotency key is held by another transaction for longer fails with 55P03. What an earlier try of the same ids has stored is
 * not stored twice; where ids are not of the database's time it fails with PH425, and with PH401 where an API key is not valid.
 */
export async function storeEvents(
  pool: pg.Pool,
  tenant: string,
  events: readonly NamedEvent[],
  lockMsMax?: number,
): Promise<Stored> {
  const column = <T>(pick: (event: NamedEvent) => T): T[] => events.map(pick);
  const isLimited = lockMsMax !== undefined;
  const apiKeys = new Set(column(({ apiKey }) => apiKey).filter((id) => id !== null));
  const payloads = await asBytes(column((event) => event.payload));
  const { rows } = await pool.query<StoredEvent & { time_ms: number }>({
    name: isLimited ? "publish within" : "publish",
    text: isLimited ? STORE_WITHIN : `select ${STORED} from ${STORE}, false, ${OWN})`,
    values: [
      tenant,
      column((event) => event.type),
      payloads.bytes,
      column((event) => event.channel),
      column((event) => event.timestamp),
      column((event) => event.idempotencyKey),
      events.every((event) => event.isJudged) ? true : null,
      payloads.starts,
      payloads.lengths,
      column((event) => event.traceparent),
      plainArray(column(({ own }) => own.id)),
      plainArray(column(({ own }) => own.at)),
      events.some(({ isAgain }) => isAgain),
      apiKeys.size === 0 ? null : plainArray([...apiKeys]),
      ...(isLimited ? [String(lockMsMax)] : []),
    ],
  });
  return { rows, timeMs: rows[0]?.time_ms ?? Number.NaN };
}

// Texts as one run of bytes, and where in it each begins. In an array the driver would escape each of their quotes and backslashes: a
// list of 16 MiB of them held the process for seconds.
async function asBytes(
  texts: readonly string[],
): Promise<{ bytes: Buffer; starts: string; lengths: string }> {
  const rest = sliced();
  const parts: Buffer[] = [];
  const starts: number[] = [];
  let end = 0;
  for (const text of texts) {
    const part = Buffer.from(text);
    parts.push(part);
    starts.push(end + 1); // as SQL counts
    end += part.length;
    await rest();
  }
  const lengths = plainArray(parts.map(({ length }) => length));
  return { bytes: Buffer.concat(parts), starts: plainArray(starts), lengths };
}

const PAYLOADS = `array(
  select convert_from(substring($3::bytea from start for length), 'UTF8')
  from unnest($8::integer[], $9::integer[]) as payload (start, length))`;

const STORE = `posthorn.store_events($1, $2::text[], ${PAYLOADS}, $4::text[], $5::timestamptz[], $6::text[], $7::boolean`;

const STORED = `event_id, matched, duplicate, ${TIME_MS} as time_ms`;
const OWN = "$10::text[], $11::uuid[], $12::timestamptz[], $13::boolean, $14::uuid[]";

// One statement, and so one round trip and one commit. The limit is set first, since the function is given what that
// answers: whether it is null, which it never is.
const STORE_WITHIN = `
  select ${STORED}
  from (select set_config('lock_timeout', $15, true) as is_set offset 0) as limited
  cross join lateral ${STORE}, limited.is_set is null, ${OWN})`;

export type EventRow = {
  id: string;
  tenant: string;
  type: string;
  channel: string | null;
  timestamp: Date;
  payload: string | null;
  created_at: Date;
};

export type EventSpan = {
  since?: Date | undefined;
  until?: Date | undefined;
  before?: string | undefined;
  limit: number;
  /** Of their payloads together; undefined leaves payloads out. */
  bytesMax?: number | undefined;
};

export type EventsToList = EventSpan & {
  /** Only these. */
  ids?: readonly string[];
  matchedNone?: boolean | undefined;
};

/** A tenant's events, whatever deliveries they have, newest first: `since` included, `until` not, those before the id `before` only. */
export async function listEvents(
  db: Db,
  reach: Reach,
  filter: EventsToList,
): Promise<(EventRow & Sized)[]> {
  const { ids } = filter;
  const parts =
    ids === undefined
      ? partsBack(within(await readSpan(readBy(db), "events"), filter))
      : groupsOfDays(ids)
          .map((group) => spanOfAll(group))
          .reverse();
  return readParts(parts, filter, (part, limit, bytesMax) =>
    readPart(db, reach, { ...filter, limit }, part, bytesMax),
  );
}

// To be one type, or to stand under a prefix that ends in `.*`.
function ofType(type: string): RawBuilder<unknown> {
  return type.endsWith(".*") ? sql`starts_with(type, ${type.slice(0, -1)})` : sql`type = ${type}`;
}

/** What may be asked of an event beside its tenant and time. */
export type EventConditions = {
  type?: string | undefined;
  /** What a prefix of types stands for, where that is known: an index leads to these. */
  types?: readonly string[] | undefined;
  channel?: string | undefined;
  idempotencyKey?: string | undefined;
  /** Text that the payload holds, as it is stored. */
  payloadContains?: string | undefined;
};

/** The conditions that an event has to meet; the statement calls the events `events`, and their ids lie in the span. */
export function conditionsOn(
  { type, types, channel, idempotencyKey, payloadContains }: EventConditions,
  { events, span }: { events: string; span: Span },
): RawBuilder<unknown>[] {
  const [tenant, id] = [sql.ref(`${events}.tenant`), sql.ref(`${events}.id`)];
  return [
    type !== undefined && ofType(type),
    types !== undefined && sql`type = any (${types}::text[])`,
    channel !== undefined && sql`channel = ${channel}`,
    idempotencyKey !== undefined && sql`idempotency_key = ${idempotencyKey}`,
    payloadContains !== undefined &&
      sql`exists (
        select from posthorn.event_payloads as p
        where p.bucket = ${BUCKET} and p.tenant = ${tenant} and p.id = ${id}
          and p.id >= ${span.from} and p.id < ${span.until} and position(${payloadContains} in p.payload) > 0
        offset 0
      )`,
  ].filter((condition) => condition !== false);
}

async function readPart(
  db: Db,
  reach: Reach,
  filter: EventsToList,
  { from, until }: Span,
  bytesMax: number,
): Promise<(EventRow & Sized)[]> {
  const conditions = [
    sql`${isOfTenant(reach)} and ${isSeenType(reach)} and id >= ${from} and id < ${until}`,
    filter.ids !== undefined && sql`id = any (${filter.ids}::uuid[])`,
    filter.matchedNone && sql`matched = 0`,
  ].filter((condition) => condition !== false && condition !== undefined);
  const page = sql`
    select e.id, e.tenant, e.type, e.channel, e."timestamp", p.payload, e.created_at
    from (
      select * from posthorn.events where ${sql.join(conditions, sql` and `)}
      order by id desc limit ${filter.limit}
    ) as e
    left join posthorn.event_payloads as p on p.bucket = e.bucket and p.tenant = e.tenant and p.id = e.id
      and p.id >= ${from} and p.id < ${until} and ${filter.bytesMax === undefined ? sql`false` : sql`true`}`;
  const of = { size: sql`octet_length(payload)`, order: sql`id desc`, bytesMax };
  const { rows } = await sql<EventRow & Sized>`
    select * from ${withinBytes(page, of)} as within order by id desc`.execute(db);
  return rows;
}

/** One of the tenant's events by its id, whatever deliveries it has, or undefined; what a request names is found by `findEvent`. */
export async function findAnyEvent(
  db: Db,
  reach: Reach,
  id: string,
): Promise<EventRow | undefined> {
  const [row] = await listEvents(db, reach, { ids: [id], limit: 1, bytesMax: 0 }); // the first comes in any case
  return row;
}
