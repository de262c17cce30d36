// Deliveries as the API reads them, pending and finished as one list, and the retry of one.
import { sql, type Transaction } from "kysely";

import { timeOfUuid } from "../kernel/ids.ts";
import type { Db } from "../database/connect.ts";
import { readBy } from "../database/read.ts";
import { lock } from "../database/locks.ts";
import { resendLock } from "./resend-lock.ts";
import type { DeliveryCause, FinalStatus, Schema } from "../database/schema.ts";
import { groupsOfDays, partsForth, readSpan, spanOfAll, within } from "../database/days.ts";
import { cancelGone } from "../queue/cancelled.ts";
import { conditionsOn, type EventConditions } from "./events.ts";
import { hidesEvents, isOfTenant, isSeenRow, isSeenType, type Reach } from "./reach.ts";
import { BUCKET } from "./tenant.ts";

export type DeliveryStatus = "pending" | FinalStatus;

/** A delivery as it is stored; what only a pending one has is null in a finished one. */
export type StoredDelivery = {
  id: string;
  tenant: string;
  event_id: string;
  webhook_id: number;
  status: DeliveryStatus;
  cause: DeliveryCause;
  attempts_made: number;
  sequence: number | null;
  reason: string | null;
  last_at: Date | null;
  last_status: number | null;
  last_reason: string | null;
  last_duration_ms: number | null;
  created_at: Date;
  finished_at: Date | null;
  state: number | null;
  due_at: Date | null;
  locked_until: Date | null;
};

const COLUMNS = sql`id, tenant, event_id, webhook_id, cause, attempts_made, sequence, created_at, last_at, last_status, last_reason,
  last_duration_ms`;

/** The pending ones; the predicates are those of the indexes by webhook and by event. */
export const PENDING = sql`
  select ${COLUMNS}, 'pending'::text as status, null::text as reason, null::timestamptz as finished_at, state, due_at, locked_until
  from posthorn.deliveries
  where webhook_id > 0 and event_id > '00000000-0000-0000-0000-000000000000'`;
export const FINISHED = sql`
  select ${COLUMNS}, status, reason, finished_at, null::smallint as state, null::timestamptz as due_at,
    null::timestamptz as locked_until
  from posthorn.finished_deliveries
  where true`;

/** What its event says of a delivery. */
export type OfEvent = { type: string; channel: string | null };

/** A delivery, and what it waits for. */
export type DeliveryRow = Omit<StoredDelivery, "webhook_id" | "state" | "due_at" | "locked_until"> &
  OfEvent & {
    webhook_id: string;
    webhook_internal_id: number;
    webhook_name: string | null;
    next_attempt_at: Date | null;
    waiting_for: "retry" | "rate" | "order" | "paused" | "disabled" | "cap" | null;
  };

/** A delivery that is seen, or undefined. */
export async function findDelivery(
  db: Db,
  reach: Reach,
  id: string,
): Promise<DeliveryRow | undefined> {
  const { rows } = await sql<StoredDelivery>`
    ${PENDING} and ${isSeenRow(reach)} and id = ${id}
    union all
    ${FINISHED} and ${isSeenRow(reach)} and id = ${id}`.execute(db);
  const [row] = await describeDeliveries(db, await withEvents(db, reach, rows, {}));
  return row;
}

const GONE: OfEvent = { type: "", channel: null }; // retention keeps an event for as long as its deliveries

/** Adds what their events say, and leaves out those whose events are not seen, or that the filter does not take in. */
export async function withEvents<Row extends { event_id: string }>(
  db: Db,
  reach: Reach,
  deliveries: readonly Row[],
  filter: EventConditions & { eventsOf?: { since?: Date | undefined; until?: Date | undefined } },
): Promise<(Row & OfEvent)[]> {
  const { since, until } = filter.eventsOf ?? {};
  const isFiltered = Object.values(filter).some(Boolean) || hidesEvents(reach);
  const events = new Map<string, OfEvent>();
  const isWithin = ({ event_id }: Row) => {
    const at = timeOfUuid(event_id);
    return (!since || at >= since) && (!until || at < until);
  };
  const rows = deliveries.filter(isWithin);
  for (const ids of groupsOfDays(rows.map(({ event_id }) => event_id))) {
    const conditions = conditionsOn(filter, { events: "events", span: spanOfAll(ids) });
    const { rows } = await sql<OfEvent & { id: string }>`
      select id, type, channel from posthorn.events
      where ${sql.join([isOfTenant(reach), isSeenType(reach), ...conditions], sql` and `)} and id = any (${ids}::uuid[])`.execute(
      db,
    );
    for (const { id, ...event } of rows) events.set(id, event);
  }
  return rows.flatMap((delivery) => {
    const event = events.get(delivery.event_id) ?? (isFiltered ? undefined : GONE);
    return event ? [{ ...delivery, ...event }] : [];
  });
}

const ALL_PAUSED = sql`exists (select from posthorn.settings where name = 'paused_since')`;

/** Adds what their webhooks are called, and what those that are pending wait for. */
export async function describeDeliveries(
  db: Db,
  deliveries: readonly (StoredDelivery & OfEvent)[],
): Promise<DeliveryRow[]> {
  if (deliveries.length === 0) return [];
  const column = <T>(pick: (row: StoredDelivery) => T): T[] => deliveries.map(pick);
  const { rows } = await sql<
    Pick<DeliveryRow, "webhook_id" | "webhook_name" | "next_attempt_at" | "waiting_for">
  >`
    select w.id as webhook_id, w.name as webhook_name,
      posthorn.next_attempt_at(d.state, d.due_at, d.locked_until, w.paused or ${ALL_PAUSED}, w.health, s.not_before) as next_attempt_at,
      posthorn.waiting_for(
        d.state, d.locked_until, w.paused or ${ALL_PAUSED}, w.health, case when w.rate_limit_per_s is not null then s.next_send_at end, s.not_before,
        (
          select first.locked_until from posthorn.deliveries as first
          where first.bucket = ${BUCKET} and first.state = 0 and first.webhook_id = d.webhook_id and d.state = 0
          order by first.due_at, first.id limit 1
        )
      ) as waiting_for
    from unnest(
      ${column((row) => row.webhook_id)}::bigint[], ${column((row) => row.state)}::smallint[],
      ${column((row) => row.due_at)}::timestamptz[], ${column((row) => row.locked_until)}::timestamptz[]
    ) with ordinality as d (webhook_id, state, due_at, locked_until, place)
    left join posthorn.webhooks as w on w.webhook_id = d.webhook_id
    left join posthorn.webhook_states as s on s.bucket = ${BUCKET} and s.webhook_id = d.webhook_id
    order by d.place`.execute(db);
  return deliveries.flatMap(({ state: _, due_at: _due, locked_until: _until, ...row }, place) => {
    const of = rows[place];
    // A webhook's row outlives its deliveries'.
    return of?.webhook_id ? [{ ...row, ...of, webhook_internal_id: row.webhook_id }] : [];
  });
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

/** Cancels a delivery, where it is pending still. What is in flight ends as cancelled too: its attempt is recorded, and changes nothing. */
export async function cancelDelivery(db: Db, tenant: string, id: string): Promise<void> {
  await sql`
    with gone as (
      delete from posthorn.deliveries where bucket = ${BUCKET} and tenant = ${tenant} and id = ${id}
      returning *
    )
    ${sql.raw(cancelGone("cancelled"))}`.execute(db);
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
