// The settle: what became of attempts, many at once, in one statement.
import type pg from "pg";

import { attemptUuid } from "../kernel/ids.ts";
import { plainArray } from "../database/array-literal.ts";
import { binaryArray, type BinaryElement, type BinaryType } from "../database/binary-array.ts";
import type { ClaimedDelivery } from "./claim.ts";
import { latencySql } from "./latency.ts";

/** What an attempt leaves behind for the audit. */
export type AttemptRecord = {
  number: number;
  at: Date;
  /** When the request went out a second time, a kept socket having closed without an answer. */
  resentAt: Date | null;
  durationMs: number;
  /** What the receiver was told of its trace; null where nothing. */
  traceparent: string | null;
  worker: string;
  keyVersion: number | null;
  address: string | null;
  status: number | null;
  reason: string | null;
  error: string | null;
  /** In hex. */
  bodySha256: string | null;
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
  /** What the attempt has shown of the receiver: that it answers well, or not in time. Null: neither. */
  proves: boolean | null;
  /** Whether the event is one of the service's own: its end is announced by no other. */
  isOwnEvent: boolean;
};

const RECEIVERS_REASONS = "'{dns,connect,tls,timeout,status,redirect}'::text[]";

// The fence decides: where the lease was lost meanwhile (it ran out, or the delivery was cancelled) the delivery
// stays as it is now, and the attempt is recorded all the same, for it did happen.
const SETTLE = `
with outcome as (
  select *, at + duration_ms * interval '1 millisecond' as ended_at from unnest(
    $1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::text[], $6::bigint[], $7::uuid[],
    $8::smallint[], $9::timestamptz[], $10::integer[], $11::text[], $12::integer[], $13::text[], $14::smallint[],
    $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::uuid[], $24::boolean[], $25::timestamptz[],
    $27::timestamptz[], $28::text[]
  ) as o (
    id, fence, verdict, due_at, tenant, webhook_id, webhook_version,
    number, at, duration_ms, worker, key_version, address, status,
    reason, error, body_sha256, response_headers, response_body, attempt_id, is_held, resent_at, startable_at, traceparent
  )
),
-- By the primary key, row by row, whatever the planner thinks of an empty queue: decision 0007. One that waits by this very
-- attempt is not found again: a settle that is repeated counts nothing twice.
found as materialized (
  select o.*, row.place_of_row, coalesce(w.version <> o.webhook_version, false) as is_outdated from outcome as o
  cross join lateral (
    select d.ctid as place_of_row from posthorn.deliveries as d
    where d.bucket = 0 and d.tenant = o.tenant and d.id = o.id and d.fence = o.fence
      and d.attempts_made < o.number
    offset 0
  ) as row
  left join lateral (
    select w.version from posthorn.webhooks as w where w.webhook_id = o.webhook_id and o.verdict = 'retry' offset 0
  ) as w on true
),
gone as (
  delete from posthorn.deliveries as d using found as o
  where d.ctid = o.place_of_row and d.fence = o.fence and o.verdict <> 'retry'
  returning d.tenant, d.id, d.event_id, d.webhook_id, d.sequence, d.created_at, d.cause,
    o.number, o.verdict, o.reason, o.at, o.status, o.duration_ms, o.ended_at as finished_at, o.startable_at
),
kept as (
  update posthorn.deliveries as d
  -- Where a 410 disables the webhook, what it was the answer to is held with the rest, that step spent.
  -- What failed by an older version is due at once by the new one.
  set state = case when o.is_held then 2 else 1 end, due_at = case when o.is_held or o.is_outdated then o.at else o.due_at end,
    attempts_made = o.number, crashes = 0, locked_until = null,
    last_at = o.at, last_status = o.status, last_reason = o.reason, last_duration_ms = o.duration_ms
  from found as o
  where d.ctid = o.place_of_row and d.fence = o.fence and o.verdict = 'retry'
  returning d.tenant, d.webhook_id, o.at, o.ended_at, o.startable_at
),
finished as (
  insert into posthorn.finished_deliveries
    (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, last_at, last_status, last_reason,
     last_duration_ms, status, reason, finished_at)
  select tenant, id, event_id, webhook_id, sequence, created_at, cause, number, at, status, reason,
    duration_ms, verdict, case when verdict = 'dead' then reason end, finished_at
  from gone
)`;

// The id follows from the lease: a settle that is repeated because its answer was lost records nothing twice.
const RECORD = `,
happened as (
  insert into posthorn.attempts
    (id, tenant, delivery_id, webhook_id, webhook_version, number, at, duration_ms, worker, key_version, address,
     status, reason, error, body_sha256, response_headers, response_body, resent_at, traceparent)
  select attempt_id, tenant, id, webhook_id, webhook_version, number, at, duration_ms, worker, key_version,
    address, status, reason, error, decode(body_sha256, 'hex'), response_headers::json, response_body, resent_at, traceparent
  from outcome
  on conflict do nothing
  returning tenant, webhook_id, at, at + duration_ms * interval '1 millisecond' as ended_at, duration_ms, reason
)`;

const LEAVE_UNRECORDED = `,
happened as (select tenant, webhook_id, at, ended_at, duration_ms, reason from outcome)`;

const STARTED = latencySql("start", "extract(epoch from at - startable_at) * 1000");

// Health, totals and statistics go by what was written.
const LEARN = `,
-- Only what the receiver answered, or failed to, tells of its health; not our own keys, schemas and rules.
answered as (
  select *, reason is null as is_success, coalesce(reason = any (${RECEIVERS_REASONS}), false) as is_failure,
    max(at) filter (where reason is null) over (partition by webhook_id) as success_at
  from happened
),
-- Added up rather than joined: a join of the three would be a nested loop, since the worker's plans are pinned.
learned as (
  select tenant, webhook_id, ended_at, 1 as attempts, 0 as delivered, 0 as dead, 0 as retried,
    case when is_success or is_failure then ${latencySql("attempt", "duration_ms")} end as latency,
    case when is_success then at end as success_at, case when not is_success then at end as failure_at,
    case when is_failure and at >= coalesce(success_at, at) then at end as failed_since, null::timestamptz as died_at
  from answered
  union all
  select tenant, webhook_id, finished_at, 0, case when verdict = 'delivered' then 1 else 0 end,
    case when verdict = 'dead' then 1 else 0 end, 0, ${STARTED},
    null, null, null, case when verdict = 'dead' and reason = any (${RECEIVERS_REASONS}) then at end
  from gone
  union all
  select tenant, webhook_id, ended_at, 0, 0, 0, 1, ${STARTED}, null, null, null, null
  from kept
),
counted as (
  insert into posthorn.counter_deltas
    (tenant, webhook_id, minute, attempts, delivered, dead, retried, latencies,
     last_success_at, last_failure_at, failures, first_failure_at, died_at)
  select tenant, webhook_id, date_trunc('minute', ended_at), sum(attempts), sum(delivered), sum(dead), sum(retried),
    array_agg(latency) filter (where latency is not null),
    max(success_at), max(failure_at), count(failed_since), min(failed_since), max(died_at)
  from learned
  group by tenant, webhook_id, date_trunc('minute', ended_at)
),
-- Given and so locked in one order: two workers never wait for each other in a ring.
-- A change that commits while its row is waited for is seen: then what older versions have shown is not learned.
known as materialized (
  select s.bucket, s.webhook_id, l.proven, l.not_before
  from unnest($21::bigint[], $22::boolean[], $23::timestamptz[], $26::uuid[]) as l (webhook_id, proven, not_before, version)
  cross join lateral (
    select bucket, webhook_id from posthorn.webhook_states as s
    where s.bucket = 0 and s.webhook_id = l.webhook_id and (s.version is null or s.version = l.version)
    offset 0
    for update
  ) as s
),
taught as (
  update posthorn.webhook_states as s
  set proven = coalesce(k.proven, s.proven), not_before = greatest(s.not_before, k.not_before)
  from known as k where s.bucket = k.bucket and s.webhook_id = k.webhook_id
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

/** Whether the receiver has said that it is gone for good. */
export function isGone({ attempt }: Settlement): boolean {
  return attempt.status === 410 && attempt.reason === "status";
}

/**
 * Settles attempts: all of them or, when the statement fails, none. Answers which deliveries are dead of it. What answered
 * 410 is held where its webhook is among the `disabled`; else it waits as after any failure, since nothing would hold it.
 * Without the record of the attempts only what became of the deliveries is written: for when the record can't be, since
 * sending for ever would be worse.
 */
export async function settle(
  client: pg.ClientBase | pg.Pool,
  settlements: readonly Settlement[],
  {
    recorded = true,
    disabled = new Map(),
  }: { recorded?: boolean; disabled?: ReadonlyMap<number, unknown> } = {},
): Promise<DeadDelivery[]> {
  const column = <T>(pick: (settlement: Settlement) => T): T[] => settlements.map(pick);
  const plain = (pick: (settlement: Settlement) => Parameters<typeof plainArray>[0][number]) =>
    plainArray(settlements.map(pick));
  const binary = (type: BinaryType, pick: (settlement: Settlement) => BinaryElement) =>
    binaryArray(type, settlements.map(pick));
  const lessons = lessonsOf(settlements);
  const { rows } = await client.query<DeadDelivery>({
    name: recorded ? "settle" : "settle unrecorded",
    text: SETTLE + (recorded ? RECORD : LEAVE_UNRECORDED) + LEARN + ANSWER_DEAD,
    values: [
      plain((s) => s.delivery.id),
      binary("int8", (s) => s.delivery.fence),
      plain((s) => s.verdict),
      binary("timestamptz", (s) => s.dueAt),
      plain((s) => s.delivery.tenant),
      binary("int8", (s) => s.delivery.webhook_id),
      plain((s) => s.delivery.webhook_version),
      binary("int2", (s) => s.attempt.number),
      binary("timestamptz", (s) => s.attempt.at),
      binary("int4", (s) => s.attempt.durationMs),
      column((s) => s.attempt.worker),
      binary("int4", (s) => s.attempt.keyVersion),
      plain((s) => s.attempt.address),
      binary("int2", (s) => s.attempt.status),
      plain((s) => s.attempt.reason),
      column((s) => s.attempt.error),
      plain((s) => s.attempt.bodySha256),
      column((s) => s.attempt.responseHeaders && JSON.stringify(s.attempt.responseHeaders)),
      column((s) => s.attempt.responseBody),
      plain((s) => attemptUuid(s.attempt.at, s.delivery.id, s.delivery.fence)),
      lessons.map(({ id }) => id),
      lessons.map(({ proven }) => proven),
      lessons.map(({ notBefore }) => notBefore),
      binary("bool", (s) => isGone(s) && disabled.has(s.delivery.webhook_id)),
      binary("timestamptz", (s) => s.attempt.resentAt),
      lessons.map(({ version }) => version),
      binary("timestamptz", (s) => dateOf(s.delivery.startable_ms)),
      plain((s) => s.attempt.traceparent),
    ],
  });
  return rows;
}

function dateOf(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

type Lesson = { id: number; version: string; proven: boolean | null; notBefore: Date | null };

// What is learned of each webhook in each version, its last attempt deciding; only where that differs from what the claim knew.
function lessonsOf(settlements: readonly Settlement[]): Lesson[] {
  const lessons = new Map<string, Lesson>();
  for (const { delivery, proves, webhookNotBefore } of settlements) {
    const { webhook_id: id, webhook_version: version } = delivery;
    const lesson = lessons.get(version) ?? { id, version, proven: null, notBefore: null };
    lessons.set(version, lesson);
    if (proves !== null) lesson.proven = proves === delivery.proven ? null : proves;
    if (webhookNotBefore && (!lesson.notBefore || lesson.notBefore < webhookNotBefore))
      lesson.notBefore = webhookNotBefore;
  }
  return [...lessons.values()]
    .filter(({ proven, notBefore }) => proven !== null || notBefore !== null)
    .sort((a, b) => a.id - b.id);
}
