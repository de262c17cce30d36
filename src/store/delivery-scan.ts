// One slice of a search for deliveries: which way leads to its rows, and what is then judged of each.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import type { Span } from "../database/days.ts";
import type { DeliveryCause } from "../database/schema.ts";
import { CANCEL_REASONS, FAILURE_REASONS } from "../kernel/reasons.ts";
import { FINISHED, PENDING, type DeliveryStatus, type StoredDelivery } from "./deliveries.ts";
import type { Scan } from "./look-days.ts";
import { isOfTenant, type Reach } from "./reach.ts";

export type DeliveryFilter = {
  webhookId?: number | undefined;
  eventIds?: readonly string[] | undefined;
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

type Scanned = Omit<StoredDelivery, "id"> & {
  id: string | null; // where nothing was found, how much was looked through is known all the same
  scanned: number;
  lowest: string | null;
  highest: string | null;
};

/** The first `limit` of what is looked for in a span: in its first `size` rows, or in all of it. */
export async function scanDeliveries(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  { from, until }: Span,
  size: number | undefined,
): Promise<Scan<StoredDelivery>> {
  const { webhooks } = reach;
  const { webhookId, eventIds, oldestFirst, limit } = filter;
  const order = oldestFirst ? sql`id` : sql`id desc`;
  const of = [
    sql`${isOfTenant(reach)} and id > ${from} and id < ${until}`,
    ...(webhookId === undefined ? [] : [sql`webhook_id = ${webhookId}`]),
    ...(eventIds === undefined ? [] : [sql`event_id = any (${eventIds}::uuid[])`]),
  ];
  const judged = size === undefined ? rest(filter) : []; // else of all that were looked at
  const firstOf = (rows: RawBuilder<unknown>) => sql`(
    select * from (${rows} and ${and(of)}) as row where ${and(judged)} order by ${order} limit ${size ?? limit})`;
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
  if (halves.length === 0) return { rows: [] };
  const all = sql`select * from (${sql.join(halves, sql` union all `)}) as halves order by ${order} limit ${size ?? limit}`;
  if (size === undefined) return { rows: (await sql<StoredDelivery>`${all}`.execute(db)).rows };
  const { rows } = await sql<Scanned>`
    with scan as materialized (${all})
    select found.*, ends.*
    from (
      select (select count(*) from scan)::integer as scanned, (select id from scan order by id limit 1) as lowest,
        (select id from scan order by id desc limit 1) as highest
    ) as ends
    left join (select * from scan where ${and(rest(filter))} order by ${order} limit ${limit}) as found on true
    order by ${order}`.execute(db);
  const [{ scanned, lowest, highest } = { scanned: 0, lowest: null, highest: null }] = rows;
  const [begin, to] = oldestFirst ? [lowest, highest] : [highest, lowest];
  return { rows: rows.flatMap(stored), scanned: { count: scanned, from: begin, to } };
}

const stored = ({ id, scanned: _, lowest: _lowest, highest: _highest, ...row }: Scanned) =>
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
  const { cause, webhookId, eventIds } = filter;
  const reasons = eventIds === undefined ? reasonsOf(filter) : undefined;
  if (reasons && (webhookId !== undefined || reasons.length === 1)) return reasons;
  if (eventIds === undefined && cause !== undefined && cause !== "publish") return "cause";
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

/** Whether the way to the rows leaves something to be judged of each. */
export const isJudged = (filter: DeliveryFilter): boolean => rest(filter).length > 0;

// What it leaves.
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
