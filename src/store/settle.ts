// The settle: what became of attempts, many at once, in one statement.
import type pg from "pg";

import type { ClaimedDelivery } from "./claim.ts";

/** What an attempt leaves behind for the audit. */
export type AttemptRecord = {
  number: number;
  at: Date;
  durationMs: number;
  worker: string;
  keyVersion: number | null;
  address: string | null;
  status: number | null;
  reason: string | null;
  error: string | null;
  bodySha256: Buffer | null;
  responseHeaders: Record<string, string> | null;
  responseBody: string | null;
};

/** One attempt's end: the delivery is finished, or waits until `dueAt`. */
export type Settlement = {
  delivery: ClaimedDelivery;
  attempt: AttemptRecord;
  verdict: "delivered" | "dead" | "retry";
  dueAt: Date | null;
  /** Until when the webhook as a whole is left alone (Retry-After). */
  webhookNotBefore: Date | null;
  /** Whether the event is one of the service's own: its end is announced by no other. */
  isOwnEvent: boolean;
};

// The fence decides: where the lease was lost meanwhile (it ran out, or the delivery was cancelled) the delivery
// stays as it is now, and the attempt is recorded all the same, for it did happen.
const SETTLE = `
with outcome as (
  select * from unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::text[], $7::bigint[], $8::integer[],
    $9::smallint[], $10::timestamptz[], $11::integer[], $12::text[], $13::integer[], $14::text[], $15::smallint[],
    $16::text[], $17::text[], $18::bytea[], $19::text[], $20::text[]
  ) as o (
    id, fence, verdict, due_at, webhook_not_before, tenant, webhook_id, webhook_version,
    number, at, duration_ms, worker, key_version, address, status,
    reason, error, body_sha256, response_headers, response_body
  )
),
gone as (
  delete from posthorn.deliveries as d using outcome as o
  where d.bucket = 0 and d.tenant = o.tenant and d.id = o.id and d.fence = o.fence and o.verdict <> 'retry'
  returning d.tenant, d.id, d.event_id, d.webhook_id, d.sequence, d.created_at, d.cause,
    o.number, o.verdict, o.reason, o.at + o.duration_ms * interval '1 millisecond' as finished_at
),
kept as (
  update posthorn.deliveries as d
  -- A 410 disables the webhook: what it was the answer to is held with the rest, that step spent.
  set state = case when o.status = 410 then 2 else 1 end, due_at = case when o.status = 410 then o.at else o.due_at end, attempts_made = o.number, crashes = 0, locked_until = null
  from outcome as o
  where d.bucket = 0 and d.tenant = o.tenant and d.id = o.id and d.fence = o.fence and o.verdict = 'retry'
),
finished as (
  insert into posthorn.finished_deliveries
    (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, status, reason, finished_at)
  select tenant, id, event_id, webhook_id, sequence, created_at, cause, number, verdict,
    case when verdict = 'dead' then reason end, finished_at
  from gone
),
-- Only what the receiver answered, or failed to, tells of its health; not our own keys, schemas and rules.
answered as (
  select *, verdict = 'delivered' as is_success,
    coalesce(reason in ('dns', 'connect', 'tls', 'timeout', 'status', 'redirect'), false) as is_failure,
    max(at) filter (where verdict = 'delivered') over (partition by webhook_id) as success_at
  from outcome
),
counted as (
  insert into posthorn.counter_deltas
    (webhook_id, delivered, dead, last_success_at, last_failure_at, failures, first_failure_at, died_at)
  select a.webhook_id, count(g.id) filter (where g.verdict = 'delivered'), count(g.id) filter (where g.verdict = 'dead'),
    max(a.at) filter (where a.is_success), max(a.at) filter (where not a.is_success),
    count(*) filter (where a.is_failure and a.at >= coalesce(a.success_at, a.at)),
    min(a.at) filter (where a.is_failure and a.at >= coalesce(a.success_at, a.at)),
    max(a.at) filter (where a.is_failure and g.verdict = 'dead')
  from answered as a left join gone as g on g.id = a.id
  group by a.webhook_id
),
disabled as (
  update posthorn.webhooks as w set health = 'disabled', health_reason = 'gone'
  from (select distinct webhook_id from outcome where status = 410 and reason = 'status') as o
  where w.webhook_id = o.webhook_id and w.health <> 'disabled'
),
told_to_wait as (
  insert into posthorn.webhook_states as s (webhook_id, not_before)
  select webhook_id, max(webhook_not_before) from outcome
  where webhook_not_before is not null
  group by webhook_id order by webhook_id
  on conflict (bucket, webhook_id) do update set not_before = greatest(s.not_before, excluded.not_before)
)`;

// The id follows from the lease: a settle that is repeated because its answer was lost records nothing twice.
const RECORD = `,
recorded as (
  insert into posthorn.attempts
    (id, tenant, delivery_id, webhook_id, webhook_version, number, at, duration_ms, worker, key_version, address,
     status, reason, error, body_sha256, response_headers, response_body)
  select posthorn.uuid_v7(at, 0, md5(id::text || fence)::uuid), tenant, id, webhook_id, webhook_version, number, at, duration_ms, worker, key_version,
    address, status, reason, error, body_sha256, response_headers::json, response_body
  from outcome
  on conflict do nothing
)`;

const ANSWER_DEAD = `
select g.tenant, g.id, g.event_id, w.id as webhook_id, g.reason
from gone as g join posthorn.webhooks as w on w.webhook_id = g.webhook_id
where g.verdict = 'dead'`;

/** A delivery that a settle has ended as dead, with its webhook's public id. */
export type DeadDelivery = {
  tenant: string;
  id: string;
  event_id: string;
  webhook_id: string;
  reason: string;
};

/**
 * Settles attempts: all of them or, when the statement fails, none. Answers which deliveries are dead of it. Without the record of the attempts only what became
 * of the deliveries is written: for when the record can't be, since sending for ever would be worse.
 */
export async function settle(
  client: pg.ClientBase | pg.Pool,
  settlements: readonly Settlement[],
  { recorded = true }: { recorded?: boolean } = {},
): Promise<DeadDelivery[]> {
  const column = <T>(pick: (settlement: Settlement) => T): T[] => settlements.map(pick);
  const { rows } = await client.query<DeadDelivery>({
    name: recorded ? "settle" : "settle unrecorded",
    text: SETTLE + (recorded ? RECORD : "") + ANSWER_DEAD,
    values: [
      column((s) => s.delivery.id),
      column((s) => s.delivery.fence),
      column((s) => s.verdict),
      column((s) => s.dueAt),
      column((s) => s.webhookNotBefore),
      column((s) => s.delivery.tenant),
      column((s) => s.delivery.webhook_id),
      column((s) => s.delivery.webhook_version),
      column((s) => s.attempt.number),
      column((s) => s.attempt.at),
      column((s) => s.attempt.durationMs),
      column((s) => s.attempt.worker),
      column((s) => s.attempt.keyVersion),
      column((s) => s.attempt.address),
      column((s) => s.attempt.status),
      column((s) => s.attempt.reason),
      column((s) => s.attempt.error),
      column((s) => s.attempt.bodySha256),
      column((s) => s.attempt.responseHeaders && JSON.stringify(s.attempt.responseHeaders)),
      column((s) => s.attempt.responseBody),
    ],
  });
  return rows;
}
