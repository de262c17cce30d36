// The search for events by what no index leads to: type, channel, idempotency key, text in the payload.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsBack, readSpan, spanOf, within, type Span } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Found, Sized } from "../kernel/lists.ts";
import {
  conditionsOn,
  listEvents,
  type EventConditions,
  type EventRow,
  type EventSpan,
} from "./events.ts";
import { listTypesUnder } from "./event-types.ts";
import { lookThroughDays, type Scan } from "./look-days.ts";
import { isOfTenant, isOwnType, isSeenType, type Reach } from "./reach.ts";

export type EventFilter = EventSpan &
  EventConditions & {
    /** Only what went to no webhook. */
    matchedNone?: boolean | undefined;
  };

// Rows of a slice: what is passed over costs a µs, and where its payload is read as much as that is long.
const OF_ROWS = { min: 1_000, first: 5_000, max: 50_000 };
const OF_PAYLOADS = { min: 20, first: 100, max: 10_000 };

/**
 * A tenant's events that all filters given take in, whatever deliveries they have, newest first: `since` included, `until` not,
 * those before the id `before` only. What no index leads to is looked for for a while, and the answer says where it stopped.
 */
export async function searchTenantsEvents(
  db: Db,
  reach: Reach,
  filter: EventFilter,
  monotonic: MonotonicClock,
): Promise<Found<EventRow & Sized>> {
  if (!asksFor(filter) && filter.payloadContains === undefined && !reach.isPortal)
    return { rows: await listEvents(db, reach, filter), stoppedAt: null };
  const { rows: found, stoppedAt } = await findEventIds(db, reach, filter, monotonic);
  const rows = await listEvents(db, reach, { ...filter, ids: found.map(({ id }) => id) });
  return { rows, stoppedAt: rows.length < found.length ? null : stoppedAt }; // those cut by their bytes come next
}

/** Whether it asks for what the index of blocks tells of. */
const asksFor = ({ type, channel, idempotencyKey }: EventConditions) =>
  [type, channel, idempotencyKey].some((given) => given !== undefined);

export type EventId = { id: string; matched: number };

/** The same, of each event how many webhooks it went to. */
export async function findEventIds(
  db: Db,
  reach: Reach,
  filter: EventFilter,
  monotonic: MonotonicClock,
): Promise<Found<EventId>> {
  const { before = null, limit, payloadContains } = filter;
  const wanted = { ...filter, types: await findTypes(db, reach, filter) };
  const kept = await findKept(db, reach, filter);
  const isKeptNext = kept !== undefined && (before === null || before > kept);
  const first = isKeptNext
    ? (await scan(db, reach, wanted, { span: within(spanOf(kept), filter), limit })).rows
    : [];
  if (first.length >= limit) return { rows: first, stoppedAt: null };
  const after = isKeptNext ? kept : before;
  const span = within(await readSpan(readBy(db), "events"), {
    ...filter,
    before: after ?? undefined,
  });
  const { rows, stoppedAt } = await lookThroughDays({
    monotonic,
    parts: partsBack(span),
    after,
    limit: limit - first.length,
    sizes: payloadContains === undefined ? OF_ROWS : OF_PAYLOADS,
    bySpans: payloadContains === undefined && asksFor(filter),
    look: (span, size, limit) => scan(db, reach, wanted, { span, size, limit }),
  });
  return { rows: [...first, ...rows], stoppedAt };
}

// What a prefix stands for: no index of blocks tells of prefixes. Types are never forgotten; the service's own are not among them.
async function findTypes(
  db: Db,
  { tenant }: Reach,
  { type }: EventConditions,
): Promise<string[] | undefined> {
  if (tenant === null || !type?.endsWith(".*") || isOwnType(type)) return undefined;
  return listTypesUnder(db, tenant, type.slice(0, -1));
}

// The event that an idempotency key stands for is the newest that was published with it.
async function findKept(
  db: Db,
  { tenant }: Reach,
  { idempotencyKey }: EventFilter,
): Promise<string | undefined> {
  if (idempotencyKey === undefined || tenant === null) return undefined;
  const { rows } = await sql<{ event_id: string }>`
    select event_id from posthorn.idempotency_keys where tenant = ${tenant} and key = ${idempotencyKey}`.execute(
    db,
  );
  return rows[0]?.event_id;
}

async function scan(
  db: Db,
  reach: Reach,
  filter: EventFilter,
  { span, size, limit }: { span: Span; size?: number | undefined; limit: number },
): Promise<Scan<EventId>> {
  const conditions = (events: string) =>
    sql.join([isSeenType(reach), ...conditionsOn(filter, { events, span })], sql` and `);
  const events = sql`
    from posthorn.events
    where ${isOfTenant(reach)} and id >= ${span.from} and id < ${span.until}
      and ${filter.matchedNone ? sql`matched = 0` : sql`true`}`;
  if (size === undefined) {
    const { rows } = await sql<EventId>`
      select id, matched ${events} and ${conditions("events")} order by id desc limit ${limit}`.execute(
      db,
    );
    return { rows };
  }
  const { rows } = await sql<
    (EventId | { id: null }) & { count: number; first: string; last: string }
  >`
    with scan as materialized (
      select id, tenant, type, channel, idempotency_key, matched ${events} order by id desc limit ${size}
    )
    select found.id, found.matched, ends.*
    from (
      select (select count(*) from scan)::integer as count, (select id from scan order by id desc limit 1) as first,
        (select id from scan order by id limit 1) as last
    ) as ends
    left join (
      select * from scan where ${conditions("scan")} order by id desc limit ${limit}
    ) as found on true
    order by found.id desc`.execute(db);
  const [{ count, first, last } = { count: 0, first: null, last: null }] = rows;
  return {
    rows: rows.flatMap((row) => (row.id === null ? [] : [{ id: row.id, matched: row.matched }])),
    scanned: { count, from: first, to: last },
  };
}
