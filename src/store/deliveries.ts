// Deliveries as the API reads them, pending and finished as one list, and the retry of one.
import { sql, type Transaction } from "kysely";

import { lowestUuidAt } from "../kernel/ids.ts";
import type { Db } from "../database/connect.ts";
import { lock } from "../database/locks.ts";
import { resendLock } from "./resend-lock.ts";
import type { DeliveryCause, FinalStatus, Schema, WebhookHealth } from "../database/schema.ts";
import { BUCKET } from "./tenant.ts";

/** A delivery with what is needed to tell what it waits for. */
export type DeliveryRow = {
  id: string;
  event_id: string;
  webhook_id: string;
  webhook_internal_id: number;
  type: string;
  status: "pending" | FinalStatus;
  cause: DeliveryCause;
  attempts_made: number;
  reason: string | null;
  created_at: Date;
  finished_at: Date | null;
  /** 0 ready, 1 waiting, 2 held, 3 queued behind another of its lane; null where it is finished. */
  state: 0 | 1 | 2 | 3 | null;
  sequence: number | null;
  due_at: Date | null;
  not_before: Date | null;
  waits_for_rate: boolean;
  /** Whether others of its webhook, which go first, are in flight. */
  waits_for_place: boolean;
  paused: boolean;
  health: WebhookHealth;
  in_flight: boolean;
};

export type DeliveryFilter = {
  id?: string | undefined;
  webhookId?: number | undefined;
  eventId?: string | undefined;
  status?: DeliveryRow["status"] | undefined;
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
  const conditions = [
    sql`bucket = ${BUCKET}`,
    sql`tenant = ${tenant}`,
    filter.id !== undefined && sql`id = ${filter.id}`,
    filter.webhookId !== undefined && sql`webhook_id = ${filter.webhookId}`,
    // A delivery is never older than its event: that leaves out the partitions before it.
    filter.eventId !== undefined &&
      sql`event_id = ${filter.eventId} and id >= posthorn.lowest_of_millisecond(${filter.eventId})`,
    // `is_pending` is a constant in each half of the view, so the planner leaves the other half out.
    filter.status !== undefined &&
      sql`status = ${filter.status} and is_pending = ${filter.status === "pending"}`,
    filter.since !== undefined && sql`id >= ${lowestUuidAt(filter.since)}`,
    filter.until !== undefined && sql`id < ${lowestUuidAt(filter.until)}`,
    filter.before !== undefined && sql`id < ${filter.before}`,
  ].filter((condition) => condition !== false);
  const { rows } = await sql<DeliveryRow>`
    select d.id, d.event_id, w.id as webhook_id, d.webhook_id as webhook_internal_id, coalesce(e.type, '') as type,
      d.status, d.cause, d.attempts_made, d.sequence, d.reason, d.created_at, d.finished_at, d.state,
      case when d.state in (0, 3) then least(d.due_at, now()) else d.due_at end as due_at, w.paused, w.health,
      case when s.not_before > now() then s.not_before end as not_before,
      coalesce(d.state = 0 and w.rate_limit_per_s is not null and s.next_send_at > now(), false) as waits_for_rate,
      coalesce(d.state = 0 and (
        select first.locked_until from posthorn.deliveries as first
        where first.bucket = ${BUCKET} and first.state = 0 and first.webhook_id = d.webhook_id
        order by first.due_at, first.id limit 1
      ) > now(), false) as waits_for_place,
      coalesce(d.locked_until > now(), false) as in_flight
    from (
      select * from posthorn.all_deliveries
      where ${sql.join(conditions, sql` and `)}
      order by id desc limit ${filter.limit}
    ) as d
    join posthorn.webhooks as w on w.webhook_id = d.webhook_id
    left join posthorn.events as e on e.bucket = d.bucket and e.tenant = d.tenant and e.id = d.event_id
    left join posthorn.webhook_states as s on s.bucket = d.bucket and s.webhook_id = d.webhook_id
    order by d.id desc`.execute(db);
  return rows;
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
  finished: Pick<DeliveryRow, "id" | "event_id" | "webhook_internal_id">,
): Promise<string | null> {
  const { event_id: eventId, webhook_internal_id: webhookId } = finished;
  await lock(trx, resendLock(webhookId));
  const pending = await sql<{ id: string }>`
    select id from posthorn.deliveries
    where bucket = ${BUCKET} and event_id = ${eventId} and webhook_id = ${webhookId}
    order by id desc limit 1`.execute(trx);
  if (pending.rows[0]) return pending.rows[0].id;
  const queued = await sql<{ id: string }>`
    insert into posthorn.deliveries
      (state, lane, payload_bytes, id, event_id, webhook_id, sequence, due_at, created_at, tenant, cause)
    select posthorn.first_state(w.paused, w.health, w.delivery_order), posthorn.lane(w.delivery_order, e.channel),
      octet_length(p.payload), posthorn.uuid_v7(clock.at, 0), f.event_id, f.webhook_id, past.sequence, clock.at, clock.at,
      f.tenant, 'retry'
    from (select clock_timestamp() as at offset 0) as clock
    cross join posthorn.finished_deliveries as f
    cross join lateral (
      select max(s.sequence) as sequence from posthorn.finished_deliveries as s
      where s.bucket = ${BUCKET} and (s.event_id, s.webhook_id) >= (f.event_id, f.webhook_id)
        and (s.event_id, s.webhook_id) <= (f.event_id, f.webhook_id)
        and s.id >= posthorn.lowest_of_millisecond(f.event_id) and s.id < posthorn.uuid_v7(clock.at, 0)
      offset 0
    ) as past
    join posthorn.webhooks as w on w.webhook_id = f.webhook_id
    join posthorn.events as e on e.bucket = f.bucket and e.tenant = f.tenant and e.id = f.event_id
    join posthorn.event_payloads as p
      on p.bucket = f.bucket and p.tenant = f.tenant and p.id = f.event_id and p.payload is not null
    where f.bucket = ${BUCKET} and f.tenant = ${tenant} and f.id = ${finished.id}
    returning id`.execute(trx);
  return queued.rows[0]?.id ?? null;
}
