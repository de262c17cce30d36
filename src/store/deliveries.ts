// Deliveries as the API reads them, pending and finished as one list, and the retry of one.
import { sql, type Transaction } from "kysely";

import { timeOfUuid } from "../kernel/ids.ts";
import type { Db } from "../database/connect.ts";
import { readBy } from "../database/read.ts";
import { lock } from "../database/locks.ts";
import { resendLock } from "./resend-lock.ts";
import type { DeliveryCause, FinalStatus, Schema } from "../database/schema.ts";
import {
  groupsOfDays,
  partsBack,
  partsForth,
  readParts,
  readSpan,
  spanOf,
  within,
  type Span,
} from "../database/days.ts";
import { BUCKET } from "./tenant.ts";

/** A delivery, and what it waits for. */
export type DeliveryRow = {
  id: string;
  event_id: string;
  webhook_id: string;
  webhook_internal_id: number;
  webhook_name: string | null;
  type: string;
  channel: string | null;
  status: "pending" | FinalStatus;
  cause: DeliveryCause;
  attempts_made: number;
  last_at: Date | null;
  last_status: number | null;
  last_reason: string | null;
  last_duration_ms: number | null;
  reason: string | null;
  created_at: Date;
  finished_at: Date | null;
  sequence: number | null;
  next_attempt_at: Date | null;
  waiting_for: "retry" | "rate" | "order" | "paused" | "disabled" | "cap" | null;
};

export type DeliveryFilter = {
  id?: string | undefined;
  webhookId?: number | undefined;
  eventId?: string | undefined;
  status?: readonly DeliveryRow["status"][] | undefined;
  reason?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
  before?: string | undefined;
  limit: number;
};

/** The tenant's deliveries, newest first: `since` included, `until` not, those before the id `before` only. */
export async function listDeliveries(
  db: Db,
  tenant: string,
  filter: DeliveryFilter,
): Promise<DeliveryRow[]> {
  const rows = await readParts(await partsOf(db, filter), filter, (part, limit) =>
    readPart(db, tenant, { ...filter, limit }, part),
  );
  const events = await readEvents(db, tenant, rows);
  return rows.map((row) => ({ ...row, ...(events.get(row.event_id) ?? GONE) }));
}

async function partsOf(db: Db, filter: DeliveryFilter): Promise<Span[]> {
  if (filter.id !== undefined) return [spanOf(filter.id)];
  const span = within(await readSpan(readBy(db), "finished_deliveries"), filter);
  // A delivery is never older than its event.
  const { eventId } = filter;
  return partsBack(eventId === undefined ? span : within(span, { since: timeOfUuid(eventId) }));
}

async function readPart(
  db: Db,
  tenant: string,
  filter: DeliveryFilter,
  { from, until }: Span,
): Promise<Omit<DeliveryRow, keyof OfEvent>[]> {
  const { status } = filter;
  const conditions = [
    sql`bucket = ${BUCKET}`,
    sql`tenant = ${tenant}`,
    sql`id >= ${from} and id < ${until}`,
    filter.id !== undefined && sql`id = ${filter.id}`,
    filter.webhookId !== undefined && sql`webhook_id = ${filter.webhookId}`,
    filter.eventId !== undefined && sql`event_id = ${filter.eventId}`,
    // `is_pending` is a constant in each half of the view, so the planner leaves the other half out.
    status && sql`status = any (${status}::text[])`,
    status && !status.includes("pending") && sql`not is_pending`,
    status?.every((each) => each === "pending") && sql`is_pending`,
    filter.reason !== undefined && sql`reason = ${filter.reason} and not is_pending`,
  ].filter((condition) => condition !== false && condition !== undefined);
  const { rows } = await sql<Omit<DeliveryRow, keyof OfEvent>>`
    select d.id, d.event_id, w.id as webhook_id, d.webhook_id as webhook_internal_id,
      w.name as webhook_name, d.status, d.cause, d.attempts_made, d.sequence, d.last_at, d.last_status, d.last_reason,
      d.last_duration_ms, d.reason, d.created_at, d.finished_at,
      posthorn.next_attempt_at(d.state, d.due_at, d.locked_until, w.paused, w.health, s.not_before) as next_attempt_at,
      posthorn.waiting_for(
        d.state, d.locked_until, w.paused, w.health, case when w.rate_limit_per_s is not null then s.next_send_at end, s.not_before,
        (
          select first.locked_until from posthorn.deliveries as first
          where first.bucket = ${BUCKET} and first.state = 0 and first.webhook_id = d.webhook_id
          order by first.due_at, first.id limit 1
        )
      ) as waiting_for
    from (
      select * from posthorn.all_deliveries
      where ${sql.join(conditions, sql` and `)}
      order by id desc limit ${filter.limit}
    ) as d
    join posthorn.webhooks as w on w.webhook_id = d.webhook_id
    left join posthorn.webhook_states as s on s.bucket = d.bucket and s.webhook_id = d.webhook_id
    order by d.id desc`.execute(db);
  return rows;
}

type OfEvent = Pick<DeliveryRow, "type" | "channel">;
const GONE: OfEvent = { type: "", channel: null }; // retention keeps an event for as long as its deliveries

async function readEvents(
  db: Db,
  tenant: string,
  deliveries: readonly { event_id: string }[],
): Promise<Map<string, OfEvent>> {
  const events = new Map<string, OfEvent>();
  for (const ids of groupsOfDays(deliveries.map(({ event_id }) => event_id))) {
    const { rows } = await sql<OfEvent & { id: string }>`
      select id, type, channel from posthorn.events
      where bucket = ${BUCKET} and tenant = ${tenant} and id = any (${ids}::uuid[])`.execute(db);
    for (const { id, ...event } of rows) events.set(id, event);
  }
  return events;
}

/** One of the tenant's deliveries, or undefined. */
export async function findDelivery(
  db: Db,
  tenant: string,
  id: string,
): Promise<DeliveryRow | undefined> {
  const [row] = await listDeliveries(db, tenant, { id, limit: 1 });
  return row;
}

/**
 * Makes a pending delivery due now, unless it is in flight or held. Its webhook's state is locked first, as a claim does: a
 * row that changed while a claim takes it would leave a gap in the webhook's sequence.
 */
export async function hastenDelivery(db: Db, tenant: string, id: string): Promise<void> {
  await sql`
    with webhook as materialized (
      select s.webhook_id from posthorn.webhook_states as s
      where s.bucket = ${BUCKET} and s.webhook_id = (
        select webhook_id from posthorn.deliveries
        where bucket = ${BUCKET} and tenant = ${tenant} and id = ${id}
      )
      for update
    ),
    idle as materialized (
      select row.place_of_row from webhook cross join lateral (
        select ctid as place_of_row from posthorn.deliveries
        where bucket = ${BUCKET} and tenant = ${tenant} and id = ${id} and locked_until is null
          and (state = 1 or (state = 0 and due_at > now()))
        for update skip locked
      ) as row
    )
    update posthorn.deliveries as d set state = 0, due_at = now()
    from idle where d.ctid = idle.place_of_row`.execute(db);
}

/**
 * Queues the event of a finished delivery again, as a new one of cause `retry`. Where one of the same event and webhook
 * is pending already, answers that one's id; two retries at once make one. It goes under the number that the event got
 * at any of its deliveries: the one retried may have ended without. Answers null where the payload is gone.
 */
export async function queueRetry(
  trx: Transaction<Schema>,
  tenant: string,
  finished: Pick<DeliveryRow, "event_id" | "webhook_internal_id" | "sequence">,
): Promise<string | null> {
  const { event_id: eventId, webhook_internal_id: webhookId } = finished;
  await lock(trx, resendLock(webhookId));
  const pending = await sql<{ id: string }>`
    select id from posthorn.deliveries
    where bucket = ${BUCKET} and event_id = ${eventId} and webhook_id = ${webhookId}
    order by id desc limit 1`.execute(trx);
  if (pending.rows[0]) return pending.rows[0].id;
  const sequence = finished.sequence ?? (await findSequence(trx, eventId, webhookId));
  const queued = await sql<{ id: string }>`
    insert into posthorn.deliveries
      (state, lane, payload_bytes, id, event_id, webhook_id, sequence, due_at, created_at, tenant, cause)
    select posthorn.first_state(w.paused, w.health, w.delivery_order), posthorn.lane(w.delivery_order, e.channel),
      octet_length(p.payload), posthorn.uuid_v7(clock.at, 0), e.id, w.webhook_id, ${sequence}, clock.at, clock.at,
      e.tenant, 'retry'
    from (select clock_timestamp() as at offset 0) as clock
    cross join posthorn.webhooks as w
    cross join posthorn.events as e
    cross join posthorn.event_payloads as p
    where w.webhook_id = ${webhookId}
      and e.bucket = ${BUCKET} and e.tenant = ${tenant} and e.id = ${eventId}
      and p.bucket = ${BUCKET} and p.tenant = ${tenant} and p.id = ${eventId} and p.payload is not null
    returning id`.execute(trx);
  return queued.rows[0]?.id ?? null;
}

// The number that an event got at a webhook by any of its deliveries that have ended. Each part's locks are let go again.
async function findSequence(
  trx: Transaction<Schema>,
  eventId: string,
  webhookId: number,
): Promise<number | null> {
  const since = timeOfUuid(eventId);
  for (const { from, until } of partsForth(
    within(await readSpan(readBy(trx), "finished_deliveries"), { since }),
  )) {
    await sql`savepoint looking`.execute(trx);
    const { rows } = await sql<{ sequence: number | null }>`
      select max(sequence) as sequence from posthorn.finished_deliveries
      where bucket = ${BUCKET} and (event_id, webhook_id) >= (${eventId}, ${webhookId})
        and (event_id, webhook_id) <= (${eventId}, ${webhookId}) and id >= ${from} and id < ${until}`.execute(
      trx,
    );
    await sql`rollback to savepoint looking`.execute(trx);
    if (rows[0]?.sequence) return rows[0].sequence;
  }
  return null;
}
