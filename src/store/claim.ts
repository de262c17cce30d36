// The claim: a worker takes due deliveries under a lease. One statement, and the lease is in no index.
import type pg from "pg";

import { SECOND } from "../kernel/duration.ts";

/**
 * How long a claimed delivery is one worker's. Longer than any attempt can take (a timeout is at most 30 s, and covers
 * the name and the connection too) with time left to settle it, so a lease never needs renewing.
 */
const LEASE_MS = 45 * SECOND;

/** At most this many deliveries a claim: 50 already cost 2 µs each, and larger batches only wait in memory. */
export const CLAIM_MAX = 250;

const CLAIM_BYTES_MAX = 8 * 1024 * 1024; // payloads of one claim: 250 of the largest would be 64 MB

/** A delivery under lease. `fence` is the lease's number: a settle with an older one changes nothing. */
export type ClaimedDelivery = {
  id: string;
  fence: number;
  tenant: string;
  event_id: string;
  webhook_id: number;
  webhook_version: number;
  attempts_made: number;
  crashes: number;
};

/** What a worker has in flight: it gets no more for a webhook than that leaves free. */
export type ClaimLimits = {
  limit: number;
  perWebhook: number;
  inFlight: ReadonlyMap<number, number>;
  /** Webhooks with greater ids come first, so that low ones don't win for ever. */
  afterWebhook: number;
};

// A skip-scan visits each webhook that has ready rows once, and takes from each the first rows that are free:
// a hundred thousand rows of one webhook cost the others nothing. Webhooks that are paused, gone or told to wait
// are passed by; the sweep moves their rows away. Ready rows are due by definition.
const CLAIM = `
with recursive scan as (
  (
    select d.webhook_id from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id > $1::bigint
    order by d.webhook_id limit 1
  )
  union all
  select following.webhook_id
  from scan cross join lateral (
    select d.webhook_id from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id > scan.webhook_id
    order by d.webhook_id limit 1
  ) as following
),
free as (
  select row.tenant, row.id, row.payload_bytes, webhook.version
  from scan
  cross join lateral (
    select w.version from posthorn.webhooks as w
    where w.webhook_id = scan.webhook_id and w.status = 'Subscribed' and w.deleted_at is null
      and not w.paused and w.health <> 'disabled'
      and not exists (
        select from posthorn.webhook_states as s
        where s.bucket = 0 and s.webhook_id = scan.webhook_id and s.not_before > now()
      )
    offset 0
  ) as webhook
  cross join lateral (
    select d.tenant, d.id, d.payload_bytes from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id = scan.webhook_id
      and (d.locked_until is null or d.locked_until < now())
    order by d.due_at, d.id
    limit greatest(0, $2::integer - coalesce(
      (select busy.count from unnest($3::bigint[], $4::integer[]) as busy (id, count) where busy.id = scan.webhook_id), 0))
    for update skip locked
  ) as row
  limit $5::integer
),
picked as (
  select tenant, id, version from (
    select tenant, id, version, payload_bytes, sum(payload_bytes) over (rows unbounded preceding) as total from free
  ) as running
  where total - payload_bytes < $6::integer
)
update posthorn.deliveries as d
set locked_until = now() + $7::integer * interval '1 millisecond',
  fence = d.fence + 1,
  crashes = case when d.locked_until is null then d.crashes else d.crashes + 1 end
from picked
where d.bucket = 0 and d.tenant = picked.tenant and d.id = picked.id
returning d.id, d.fence, d.tenant, d.event_id, d.webhook_id, picked.version as webhook_version,
  d.attempts_made, d.crashes, d.payload_bytes, now() as clock`;

/**
 * Claims due deliveries, round-robin over webhooks. `isFull` says that a limit cut it short. `clock` is the database's time of the claim, for which the
 * worker keeps its own from drifting; null where nothing was claimed.
 */
export async function claimDue(
  pool: pg.Pool,
  limits: ClaimLimits,
): Promise<{ deliveries: ClaimedDelivery[]; isFull: boolean; clock: Date | null }> {
  const limit = Math.min(limits.limit, CLAIM_MAX);
  const { rows } = await pool.query<ClaimedDelivery & { payload_bytes: number; clock: Date }>({
    name: "claim",
    text: CLAIM,
    values: [
      limits.afterWebhook,
      limits.perWebhook,
      [...limits.inFlight.keys()],
      [...limits.inFlight.values()],
      limit,
      CLAIM_BYTES_MAX,
      LEASE_MS,
    ],
  });
  const bytes = rows.reduce((sum, row) => sum + row.payload_bytes, 0);
  const isFull = rows.length === limit || bytes >= CLAIM_BYTES_MAX;
  return { deliveries: rows, isFull, clock: rows[0]?.clock ?? null };
}

/** Gives deliveries back unsent: nobody's, due as before, and no step of their waits spent. */
export async function releaseClaimed(
  pool: pg.Pool,
  deliveries: readonly Pick<ClaimedDelivery, "id" | "fence" | "tenant">[],
): Promise<void> {
  await pool.query(
    `update posthorn.deliveries as d set locked_until = null
     from unnest($1::uuid[], $2::bigint[], $3::text[]) as given (id, fence, tenant)
     where d.bucket = 0 and d.tenant = given.tenant and d.id = given.id and d.fence = given.fence`,
    [
      deliveries.map((delivery) => delivery.id),
      deliveries.map((delivery) => delivery.fence),
      deliveries.map((delivery) => delivery.tenant),
    ],
  );
}
