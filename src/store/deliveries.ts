// Deliveries as the API reads them, pending and finished as one list, and the retry of one.
import { sql, type Transaction } from "kysely";

import { lowestUuidAt } from "../kernel/ids.ts";
import type { Db } from "./connect.ts";
import type { DeliveryCause, FinalStatus, Schema, WebhookHealth } from "./schema.ts";
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
  state: 0 | 1 | 2 | null;
  due_at: Date | null;
  not_before: Date | null;
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
    select d.id, d.event_id, w.id as webhook_id, d.webhook_id as webhook_internal_id, e.type, d.status, d.cause,
      d.attempts_made, d.reason, d.created_at, d.finished_at, d.state, d.due_at, s.not_before, w.paused, w.health,
      coalesce(d.locked_until > now(), false) as in_flight
    from (
      select * from posthorn.all_deliveries
      where ${sql.join(conditions, sql` and `)}
      order by id desc limit ${filter.limit}
    ) as d
    join posthorn.webhooks as w on w.webhook_id = d.webhook_id
    join posthorn.events as e on e.bucket = d.bucket and e.tenant = d.tenant and e.id = d.event_id
    left join posthorn.webhook_states as s on s.bucket = d.bucket and s.webhook_id = d.webhook_id and s.not_before > now()
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

/** Makes a pending delivery due now, unless it is in flight or held. */
export async function hastenDelivery(db: Db, tenant: string, id: string): Promise<void> {
  await sql`
    update posthorn.deliveries set state = 0, due_at = now()
    where bucket = ${BUCKET} and id = ${id} and tenant = ${tenant} and state = 1 and locked_until is null`.execute(
    db,
  );
}

/**
 * Queues the event of a finished delivery again, as a new one of cause `retry`. Where one of the same event and webhook
 * is pending already, answers that one's id; two retries at once make one. Answers null where the payload is gone.
 */
export async function queueRetry(
  trx: Transaction<Schema>,
  tenant: string,
  finished: Pick<DeliveryRow, "id" | "event_id" | "webhook_internal_id">,
): Promise<string | null> {
  const { event_id: eventId, webhook_internal_id: webhookId } = finished;
  await sql`select pg_advisory_xact_lock(hashtextextended(${`retry ${webhookId} ${eventId}`}, 0))`.execute(
    trx,
  );
  const pending = await sql<{ id: string }>`
    select id from posthorn.deliveries
    where bucket = ${BUCKET} and event_id = ${eventId} and webhook_id = ${webhookId}
    order by id desc limit 1`.execute(trx);
  if (pending.rows[0]) return pending.rows[0].id;
  const queued = await sql<{ id: string }>`${insertRetries(sql`
    select f.event_id, f.webhook_id, f.tenant, f.sequence, 0 as item from posthorn.finished_deliveries as f
    where f.bucket = ${BUCKET} and f.tenant = ${tenant} and f.id = ${finished.id}`)}`.execute(trx);
  return queued.rows[0]?.id ?? null;
}

const RETRY_MANY_MAX = 4_000; // one statement's worth, and fewer than the 4,096 ids of one clock reading

/**
 * Queues again what of a webhook is dead, newest first, at most 4,000 at a time: the deliveries that speak for their
 * event (its newest), whose payload is still there. Answers how many.
 */
export async function queueRetriesOfDead(
  trx: Transaction<Schema>,
  webhookId: number,
): Promise<number> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`retry ${webhookId}`}, 0))`.execute(
    trx,
  );
  const { rows } = await sql<{ id: string }>`${insertRetries(sql`
    select f.event_id, f.webhook_id, f.tenant, f.sequence, row_number() over (order by f.id) as item
    from (
      select * from posthorn.finished_deliveries as dead
      where dead.bucket = ${BUCKET} and dead.webhook_id = ${webhookId} and dead.status = 'dead'
        and not exists (
          select from posthorn.all_deliveries as newer
          where newer.bucket = ${BUCKET} and newer.event_id = dead.event_id and newer.webhook_id = dead.webhook_id
            and newer.id > dead.id
        )
      order by dead.id desc limit ${RETRY_MANY_MAX}
    ) as f`)}`.execute(trx);
  return rows.length;
}

function insertRetries(source: ReturnType<typeof sql>) {
  return sql`
    insert into posthorn.deliveries
      (state, payload_bytes, id, event_id, webhook_id, sequence, due_at, created_at, tenant, cause)
    select case when w.paused or w.health = 'disabled' then 2 else 0 end, octet_length(p.payload), posthorn.uuid_v7(clock.at, source.item::integer),
      source.event_id, source.webhook_id, source.sequence, clock.at, clock.at, source.tenant, 'retry'
    from (select clock_timestamp() as at) as clock, (${source}) as source
    join posthorn.webhooks as w on w.webhook_id = source.webhook_id
    join posthorn.event_payloads as p
      on p.bucket = ${BUCKET} and p.tenant = source.tenant and p.id = source.event_id
    returning id`;
}
