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
import { lookThrough, type Sizes, type Slice } from "../kernel/look-through.ts";
import {
  describeDeliveries,
  FINISHED,
  PENDING,
  withEvents,
  type DeliveryRow,
  type DeliveryStatus,
  type OfEvent,
  type StoredDelivery,
} from "./deliveries.ts";
import { findFirstDeliveries } from "./first-deliveries.ts";
import { hidesEvents, isOfTenant, type Reach } from "./reach.ts";

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
  /** Of its event. */
  idempotencyKey?: string | undefined;
  /** Text that its event's payload holds, as it is stored. */
  payloadContains?: string | undefined;
  /** When its event was published. */
  eventsOf?: { since?: Date | undefined; until?: Date | undefined };
  /** Only the first of each event's deliveries to the webhooks that are seen. */
  firstOfEvent?: boolean | undefined;
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
const OF_EACH_MIN = 10; // of each webhook, where they are many
const OF_EVENTS = { min: 100, first: 300, max: 5_000 };

/**
 * The deliveries that are seen and that all filters given take in: `since` included, `until` not. What no index leads to is looked for
 * for a while, and the answer says where it stopped.
 */
export async function searchDeliveries(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  monotonic: MonotonicClock,
): Promise<Found<DeliveryRow>> {
  const { rows, stoppedAt } = await searchStored(db, reach, filter, monotonic);
  return { rows: await describeDeliveries(db, rows), stoppedAt };
}

/** The same, without what their webhooks are called and what they wait for. */
export async function searchStored(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  monotonic: MonotonicClock,
): Promise<Found<StoredDelivery & OfEvent>> {
  const { after = null, limit } = filter;
  const parts = await partsOf(db, filter);
  return lookThrough(
    monotonic,
    { after, limit, sizes: sizesOf(reach, filter) },
    (from, size, limit) => lookAt(db, reach, { ...filter, after: from, limit }, parts, size),
  );
}

async function partsOf(db: Db, filter: DeliveryFilter): Promise<Span[]> {
  const { eventId, after, oldestFirst } = filter;
  let span = within(await readSpan(readBy(db), "finished_deliveries"), filter);
  // A delivery is never older than its event.
  if (eventId !== undefined) span = within(span, { since: timeOfUuid(eventId) });
  if (!oldestFirst) return partsBack(within(span, { before: after ?? undefined }));
  return partsForth(after && after > span.from ? { ...span, from: after } : span);
}

function sizesOf(reach: Reach, filter: DeliveryFilter) {
  const { limit, eventId } = filter;
  const whole = { min: OF_ROWS.max, first: OF_ROWS.max, max: OF_ROWS.max };
  if (judgesEvents(reach, filter)) return dividedBy(reach.webhooks?.length ?? 1, OF_EVENTS);
  if (rest(filter).length === 0) return { min: limit, first: limit, max: limit };
  return eventId === undefined ? OF_ROWS : whole; // sorted anew for each slice
}

// Of each of the webhooks that alone are seen so many are read.
function dividedBy(webhooks: number, { min, first, max }: Sizes): Sizes {
  const part = (size: number) => Math.max(OF_EACH_MIN, Math.ceil(size / Math.max(1, webhooks)));
  return { min: part(min), first: part(first), max: part(max) };
}

const judgesEvents = (reach: Reach, { type, channel }: DeliveryFilter) =>
  type !== undefined || channel !== undefined || hidesEvents(reach);

// The next slice of the first part that is left; a part that is through goes.
async function lookAt(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  parts: Span[],
  size: number,
): Promise<Slice<StoredDelivery & OfEvent>> {
  const [part] = parts;
  if (!part) return { rows: [], end: null };
  const { after, limit, oldestFirst } = filter;
  const left = !after
    ? part
    : oldestFirst
      ? { ...part, from: max(part.from, after) }
      : { ...part, until: min(part.until, after) };
  const isOfEvents = judgesEvents(reach, filter);
  const { rows, scanned, scannedTo } = await scan(
    db,
    reach,
    { ...filter, limit: isOfEvents ? size : limit },
    left,
    size,
  );
  const ofEvents = await withEvents(db, reach, rows, filter);
  const wanted = filter.firstOfEvent ? await firstOnly(db, reach, ofEvents) : ofEvents;
  const found = wanted.slice(0, limit);
  if (scanned === size) return { rows: found, end: scannedTo };
  parts.shift();
  return { rows: found, end: parts.length === 0 ? null : oldestFirst ? part.until : part.from };
}

async function firstOnly<Row extends { id: string; event_id: string }>(
  db: Db,
  reach: Reach,
  rows: readonly Row[],
): Promise<Row[]> {
  const first = await findFirstDeliveries(
    db,
    reach,
    rows.map(({ event_id }) => event_id),
  );
  return rows.filter(({ id, event_id }) => first.get(event_id) === id);
}

type Scanned = Omit<StoredDelivery, "id"> & {
  id: string | null; // where nothing was found, how much was looked through is known all the same
  scanned: number;
  scanned_to: string | null;
};
type Scan = { rows: StoredDelivery[]; scanned: number; scannedTo: string | null };

async function scan(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  { from, until }: Span,
  size: number,
): Promise<Scan> {
  const { webhooks } = reach;
  const { webhookId, eventId, oldestFirst, limit } = filter;
  const order = oldestFirst ? sql`id` : sql`id desc`;
  const of = [
    sql`${isOfTenant(reach)} and id > ${from} and id < ${until}`,
    ...(webhookId === undefined ? [] : [sql`webhook_id = ${webhookId}`]),
    ...(eventId === undefined ? [] : [sql`event_id = ${eventId}`]),
  ];
  const firstOf = (rows: RawBuilder<unknown>) =>
    sql`(${rows} and ${and(of)} order by ${order} limit ${size})`;
  // Of several webhooks each one's first come by its index; those of all of them are among these.
  const first = (rows: RawBuilder<unknown>) =>
    webhooks === null || webhookId !== undefined
      ? firstOf(rows)
      : sql`(
          select f.* from unnest(${webhooks}::bigint[]) as seen (webhook_id)
          cross join lateral ${firstOf(sql`${rows} and webhook_id = seen.webhook_id`)} as f
        )`;
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
