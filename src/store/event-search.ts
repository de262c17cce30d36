// The search for events by what no index leads to: type, channel, idempotency key, text in the payload.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsBack, readSpan, spanOf, within, type Span } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Found, Sized } from "../kernel/lists.ts";
import { lookThrough, type Slice } from "../kernel/look-through.ts";
import {
  conditionsOn,
  listEvents,
  type EventConditions,
  type EventRow,
  type EventSpan,
} from "./events.ts";
import { isOfTenant, isSeenType, type Reach } from "./reach.ts";

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
  const { before = null, limit, type, channel, idempotencyKey, payloadContains } = filter;
  const isOfPayloads = payloadContains !== undefined;
  const isOfRows = [type, channel, idempotencyKey].some((given) => given !== undefined);
  if (!isOfRows && !isOfPayloads && !reach.isPortal)
    return { rows: await listEvents(db, reach, filter), stoppedAt: null };
  const kept = await findKept(db, reach, filter);
  const span = within(await readSpan(readBy(db), "events"), filter);
  const { rows: ids, stoppedAt } = await lookThrough(
    monotonic,
    { after: before, limit, sizes: isOfPayloads ? OF_PAYLOADS : OF_ROWS },
    async (after, size, limit): Promise<Slice<string>> => {
      if (kept !== undefined && (after === null || after > kept)) {
        const { ids } = await scan(db, reach, filter, within(spanOf(kept), filter), size);
        return { rows: ids, end: kept };
      }
      const [part] = partsBack(within(span, { before: after ?? undefined }));
      if (!part) return { rows: [], end: null };
      const found = await scan(db, reach, { ...filter, limit }, part, size);
      if (found.scanned === size) return { rows: found.ids, end: found.scanned_to };
      return { rows: found.ids, end: part.from > span.from ? part.from : null };
    },
  );
  const rows = await listEvents(db, reach, { ...filter, ids });
  return { rows, stoppedAt: rows.length < ids.length ? null : stoppedAt }; // those cut by their bytes come next
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

type Scan = { ids: string[]; scanned: number; scanned_to: string | null };

async function scan(
  db: Db,
  reach: Reach,
  filter: EventFilter,
  span: Span,
  size: number,
): Promise<Scan> {
  const conditions = [isSeenType(reach), ...conditionsOn(filter, { events: "scan", span })];
  const { rows } = await sql<Scan>`
    with scan as materialized (
      select id, tenant, type, channel, idempotency_key from posthorn.events
      where ${isOfTenant(reach)} and id >= ${span.from} and id < ${span.until}
        and ${filter.matchedNone ? sql`matched = 0` : sql`true`}
      order by id desc limit ${size}
    )
    select array(
        select id from scan where ${sql.join(conditions, sql` and `)} order by id desc limit ${filter.limit}
      ) as ids,
      (select count(*) from scan)::integer as scanned, (select id from scan order by id limit 1) as scanned_to`.execute(
    db,
  );
  return rows[0] ?? { ids: [], scanned: 0, scanned_to: null };
}
