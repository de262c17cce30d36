// The search for events by what no index leads to: type, channel, idempotency key, text in the payload.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsBack, readSpan, spanOf, within, type Span } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Found, Sized } from "../kernel/lists.ts";
import { lookThrough, type Slice } from "../kernel/look-through.ts";
import { listEvents, ofType, type EventRow, type EventSpan } from "./events.ts";
import { BUCKET } from "./tenant.ts";

export type EventFilter = EventSpan & {
  type?: string | undefined;
  channel?: string | undefined;
  idempotencyKey?: string | undefined;
  /** Only what went to no webhook. */
  matchedNone?: boolean | undefined;
  /** Text that the payload holds, as it is stored. */
  payloadContains?: string | undefined;
};

// Rows of a slice: what is passed over costs a µs, and where its payload is read as much as that is long.
const OF_ROWS = { min: 1_000, first: 5_000, max: 50_000 };
const OF_PAYLOADS = { min: 20, first: 100, max: 10_000 };

/**
 * The tenant's events that all filters given take in, newest first: `since` included, `until` not, those before the id `before`
 * only. What no index leads to is looked for for a while, and the answer says where it stopped.
 */
export async function searchEvents(
  db: Db,
  tenant: string,
  filter: EventFilter,
  monotonic: MonotonicClock,
): Promise<Found<EventRow & Sized>> {
  const conditions = conditionsOf(filter);
  const isOfPayloads = filter.payloadContains !== undefined;
  if (conditions.length === 0 && !isOfPayloads)
    return { rows: await listEvents(db, tenant, filter), stoppedAt: null };
  const { before = null, limit } = filter;
  const kept = await findKept(db, tenant, filter);
  const span = within(await readSpan(readBy(db), "events"), filter);
  const { rows: ids, stoppedAt } = await lookThrough(
    monotonic,
    { after: before, limit, sizes: isOfPayloads ? OF_PAYLOADS : OF_ROWS },
    async (after, size, limit): Promise<Slice<string>> => {
      if (kept !== undefined && (after === null || after > kept)) {
        const { ids } = await scan(
          db,
          tenant,
          filter,
          conditions,
          within(spanOf(kept), filter),
          size,
        );
        return { rows: ids, end: kept };
      }
      const [part] = partsBack(within(span, { before: after ?? undefined }));
      if (!part) return { rows: [], end: null };
      const found = await scan(db, tenant, { ...filter, limit }, conditions, part, size);
      if (found.scanned === size) return { rows: found.ids, end: found.scanned_to };
      return { rows: found.ids, end: part.from > span.from ? part.from : null };
    },
  );
  const rows = await listEvents(db, tenant, { ...filter, ids });
  return { rows, stoppedAt: rows.length < ids.length ? null : stoppedAt }; // those cut by their bytes come next
}

// The event that an idempotency key stands for is the newest that was published with it.
async function findKept(
  db: Db,
  tenant: string,
  { idempotencyKey }: EventFilter,
): Promise<string | undefined> {
  if (idempotencyKey === undefined) return undefined;
  const { rows } = await sql<{ event_id: string }>`
    select event_id from posthorn.idempotency_keys where tenant = ${tenant} and key = ${idempotencyKey}`.execute(
    db,
  );
  return rows[0]?.event_id;
}

function conditionsOf({ type, channel, idempotencyKey }: EventFilter): RawBuilder<unknown>[] {
  return [
    type !== undefined && ofType(type),
    channel !== undefined && sql`channel = ${channel}`,
    idempotencyKey !== undefined && sql`idempotency_key = ${idempotencyKey}`,
  ].filter((condition) => condition !== false);
}

type Scan = { ids: string[]; scanned: number; scanned_to: string | null };

async function scan(
  db: Db,
  tenant: string,
  { matchedNone, payloadContains, limit }: EventFilter,
  conditions: readonly RawBuilder<unknown>[],
  { from, until }: Span,
  size: number,
): Promise<Scan> {
  const holding = sql`exists (
    select from posthorn.event_payloads as p
    where p.bucket = ${BUCKET} and p.tenant = ${tenant} and p.id = scan.id and p.id >= ${from} and p.id < ${until}
      and position(${payloadContains} in p.payload) > 0
    offset 0
  )`;
  const all = payloadContains === undefined ? conditions : [...conditions, holding];
  const { rows } = await sql<Scan>`
    with scan as materialized (
      select id, type, channel, idempotency_key from posthorn.events
      where bucket = ${BUCKET} and tenant = ${tenant} and id >= ${from} and id < ${until}
        and ${matchedNone ? sql`matched = 0` : sql`true`}
      order by id desc limit ${size}
    )
    select array(
        select id from scan where ${sql.join([...all], sql` and `)} order by id desc limit ${limit}
      ) as ids,
      (select count(*) from scan)::integer as scanned, (select id from scan order by id limit 1) as scanned_to`.execute(
    db,
  );
  return rows[0] ?? { ids: [], scanned: 0, scanned_to: null };
}
