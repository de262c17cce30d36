// The search for deliveries by what they are, newest or oldest first: pending and finished ones as one list.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsBack, partsForth, readSpan, within, type Span } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import type { DeliveryCause } from "../database/schema.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import { timeOfUuid } from "../kernel/ids.ts";
import type { Found } from "../kernel/lists.ts";
import { CANCEL_REASONS, FAILURE_REASONS } from "../kernel/reasons.ts";
import { lookThrough, type Slice } from "../kernel/look-through.ts";
import {
  describeDeliveries,
  FINISHED,
  PENDING,
  withEvents,
  type DeliveryRow,
  type DeliveryStatus,
  type StoredDelivery,
} from "./deliveries.ts";
import { BUCKET } from "./tenant.ts";

export type DeliveryFilter = {
  webhookId?: number | undefined;
  eventId?: string | undefined;
  status?: readonly DeliveryStatus[] | undefined;
  type?: string | undefined;
  channel?: string | undefined;
  reason?: string | undefined;
  /** Of the last attempt: both included. */
  responseStatus?: { from: number; to: number } | undefined;
  cause?: DeliveryCause | undefined;
  sequence?: number | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  oldestFirst?: boolean | undefined;
  /** Where to go on: an id, which is left out. */
  after?: string | null;
  limit: number;
};

const REASONS_OF: Partial<Record<DeliveryStatus, readonly string[]>> = {
  dead: FAILURE_REASONS,
  cancelled: CANCEL_REASONS,
};
const ENDS = ["dead", "cancelled"] as const;

// Rows of a slice: what is passed over costs a few µs where its row tells all, and some more where its event has to be read.
const OF_ROWS = { min: 500, first: 2_000, max: 50_000 };
const OF_EVENTS = { min: 100, first: 300, max: 5_000 };

/**
 * The tenant's deliveries that all filters given take in: `since` included, `until` not. What no index leads to is looked for
 * for a while, and the answer says where it stopped.
 */
export async function searchDeliveries(
  db: Db,
  tenant: string,
  filter: DeliveryFilter,
  monotonic: MonotonicClock,
): Promise<Found<DeliveryRow>> {
  const { after = null, limit } = filter;
  const parts = await partsOf(db, filter);
  const { rows, stoppedAt } = await lookThrough(
    monotonic,
    { after, limit, sizes: sizesOf(filter) },
    (from, size, limit) => lookAt(db, tenant, { ...filter, after: from, limit }, parts, size),
  );
  return { rows: await describeDeliveries(db, rows), stoppedAt };
}

async function partsOf(db: Db, filter: DeliveryFilter): Promise<Span[]> {
  const { eventId, after, oldestFirst } = filter;
  let span = within(await readSpan(readBy(db), "finished_deliveries"), filter);
  // A delivery is never older than its event.
  if (eventId !== undefined) span = within(span, { since: timeOfUuid(eventId) });
  if (!oldestFirst) return partsBack(within(span, { before: after ?? undefined }));
  return partsForth(after && after > span.from ? { ...span, from: after } : span);
}

function sizesOf(filter: DeliveryFilter) {
  const { limit, eventId } = filter;
  const whole = { min: OF_ROWS.max, first: OF_ROWS.max, max: OF_ROWS.max };
  if (hasEventFilter(filter)) return OF_EVENTS;
  if (rest(filter).length === 0) return { min: limit, first: limit, max: limit };
  return eventId === undefined ? OF_ROWS : whole; // sorted anew for each slice
}

const hasEventFilter = ({ type, channel }: DeliveryFilter) =>
  type !== undefined || channel !== undefined;

// The next slice of the first part that is left; a part that is through goes.
async function lookAt(
  db: Db,
  tenant: string,
  filter: DeliveryFilter,
  parts: Span[],
  size: number,
): Promise<Slice<StoredDelivery & { type: string; channel: string | null }>> {
  const [part] = parts;
  if (!part) return { rows: [], end: null };
  const { after, limit, oldestFirst } = filter;
  const left = !after
    ? part
    : oldestFirst
      ? { ...part, from: max(part.from, after) }
      : { ...part, until: min(part.until, after) };
  const isOfEvents = hasEventFilter(filter);
  const { rows, scanned, scannedTo } = await scan(
    db,
    tenant,
    { ...filter, limit: isOfEvents ? size : limit },
    left,
    size,
  );
  const found = (await withEvents(db, tenant, rows, filter)).slice(0, limit);
  if (scanned === size) return { rows: found, end: scannedTo };
  parts.shift();
  return { rows: found, end: parts.length === 0 ? null : oldestFirst ? part.until : part.from };
}

type Scanned = Omit<StoredDelivery, "id"> & {
  id: string | null; // where nothing was found, how much was looked through is told all the same
  scanned: number;
  scanned_to: string | null;
};
type Scan = { rows: StoredDelivery[]; scanned: number; scannedTo: string | null };

async function scan(
  db: Db,
  tenant: string,
  filter: DeliveryFilter,
  { from, until }: Span,
  size: number,
): Promise<Scan> {
  const { webhookId, eventId, oldestFirst, limit } = filter;
  const order = oldestFirst ? sql`id` : sql`id desc`;
  const of = [
    sql`bucket = ${BUCKET} and tenant = ${tenant} and id > ${from} and id < ${until}`,
    ...(webhookId === undefined ? [] : [sql`webhook_id = ${webhookId}`]),
    ...(eventId === undefined ? [] : [sql`event_id = ${eventId}`]),
  ];
  const first = (rows: RawBuilder<unknown>) =>
    sql`(${rows} and ${and(of)} order by ${order} limit ${size})`;
  const halves = [
    ...(takesPending(filter) ? [first(PENDING)] : []),
    ...(takesFinished(filter) ? [finished(filter, first)] : []),
  ];
  if (halves.length === 0) return { rows: [], scanned: 0, scannedTo: null };
  const { rows } = await sql<Scanned>`
    with scan as materialized (
      select * from (${sql.join(halves, sql` union all `)}) as halves order by ${order} limit ${size}
    )
    select found.*, last.scanned, last.scanned_to
    from (
      select (select count(*) from scan)::integer as scanned,
        (select id from scan order by ${oldestFirst ? sql`id desc` : sql`id`} limit 1) as scanned_to
    ) as last
    left join (select * from scan where ${and(rest(filter))} order by ${order} limit ${limit}) as found on true
    order by ${order}`.execute(db);
  const [{ scanned, scanned_to } = { scanned: 0, scanned_to: null }] = rows;
  return { rows: rows.flatMap(stored), scanned, scannedTo: scanned_to };
}

const stored = ({ id, scanned: _, scanned_to: _to, ...row }: Scanned) =>
  id === null ? [] : [{ id, ...row }];

const takesPending = ({ status, reason }: DeliveryFilter) =>
  reason === undefined && (!status || status.includes("pending"));
const takesFinished = ({ status }: DeliveryFilter) =>
  !status || status.some((each) => each !== "pending");

// Of the finished ones those that an index has apart, value by value, since only so each comes in order; all others in the
// order of their ids, to be looked through.
function finished(
  filter: DeliveryFilter,
  first: (rows: RawBuilder<unknown>) => RawBuilder<unknown>,
): RawBuilder<unknown> {
  const way = wayTo(filter);
  if (way === "ids") return first(FINISHED);
  if (way === "cause")
    return first(sql`${FINISHED} and cause = ${filter.cause} and cause <> 'publish'`);
  return sql`(
    select f.* from unnest(${way}::text[]) as r (reason)
    cross join lateral ${first(sql`${FINISHED} and finished_deliveries.reason = r.reason and finished_deliveries.reason is not null`)} as f
  )`;
}

// By which index: of ids, of causes, or of reasons, and then which.
function wayTo(filter: DeliveryFilter): "ids" | "cause" | string[] {
  const { cause, webhookId, eventId } = filter;
  const reasons = eventId === undefined ? reasonsOf(filter) : undefined;
  if (reasons && (webhookId !== undefined || reasons.length === 1)) return reasons;
  if (eventId === undefined && cause !== undefined && cause !== "publish") return "cause";
  return reasons ?? "ids";
}

// The reasons that what is looked for can have; undefined where it may have none. A failing answer is the last of nothing that
// was delivered.
function reasonsOf({ status, reason, responseStatus }: DeliveryFilter): string[] | undefined {
  const isFailure = responseStatus && (responseStatus.to < 200 || responseStatus.from > 299);
  if (reason === undefined && !isFailure && (!status || status.includes("delivered")))
    return undefined;
  const reasons = (status ?? ENDS).flatMap((each) => REASONS_OF[each] ?? []);
  return reason === undefined ? reasons : reasons.filter((each) => each === reason);
}

// What the way to the rows leaves to be judged of each.
function rest(filter: DeliveryFilter): RawBuilder<unknown>[] {
  const { status, reason, responseStatus, cause, sequence } = filter;
  const way = wayTo(filter);
  const isOfReasons = Array.isArray(way);
  const isOfCause = way === "cause" && !takesPending(filter);
  return [
    status && !isOfReasons && takesFinished(filter) && sql`status = any (${status}::text[])`,
    reason !== undefined && !isOfReasons && sql`reason = ${reason}`,
    responseStatus && sql`last_status between ${responseStatus.from} and ${responseStatus.to}`,
    cause !== undefined && !isOfCause && sql`cause = ${cause}`,
    sequence !== undefined && sql`sequence = ${sequence}`,
  ].filter((condition) => condition !== false && condition !== undefined);
}

const and = (conditions: RawBuilder<unknown>[]) =>
  conditions.length === 0 ? sql`true` : sql.join(conditions, sql` and `);
const min = (a: string, b: string) => (a < b ? a : b);
const max = (a: string, b: string) => (a > b ? a : b);
