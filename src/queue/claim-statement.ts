// The statement that claims: which webhooks are looked at, which of their rows are taken, and what is written of it.
import { maySend, RESUMED_AT } from "./sending.ts";

const BURST_S = 0.25; // of a rate: claims come some milliseconds apart, and what fell due between them goes together

// What a rate is taken as. Of few requests one more is over 5 %: at exactly one a second the tenth second's edges hold
// eleven. And no interval is long enough for the lowest that a double can be: less than one in 30 years is one in 30 years.
const PACE = `case when w.rate_limit_per_s > 2 then w.rate_limit_per_s
        when w.rate_limit_per_s > 0 then greatest(w.rate_limit_per_s / 1.05, 1e-9) end`;

const FREED_EARLY_MAX = 2; // leases in a row

const IS_FREED_EARLY = `d.lane is null and d.freed_early < ${FREED_EARLY_MAX} and d.locked_by = any (array(
          select w.worker from posthorn.workers as w where w.session = any ($11::uuid[])
        ))`;

// The next webhook that has ready rows, and so on: each is visited once.
const SCAN_ALL = `
  (
    select d.webhook_id, 1 as turn from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id > $1::bigint and ${maySend("$12")}
    order by d.webhook_id limit 1
  )
  union all
  select following.webhook_id, scan.turn + 1
  from scan cross join lateral (
    select d.webhook_id from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id > scan.webhook_id
    order by d.webhook_id limit 1
  ) as following`;

// Of the webhooks that are given, by rising ids, those that have ready rows since.
const SCAN_GIVEN = `
  select given.webhook_id, given.turn, given.since
  from unnest($1::bigint[], $13::timestamptz[]) with ordinality as given (webhook_id, since, turn)
  cross join lateral (
    select from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 0 and d.webhook_id = given.webhook_id and d.due_at >= given.since
    order by d.due_at, d.id limit 1
  ) as has
  where ${maySend("$12")}`;

// A scan visits each webhook that has ready rows once, and takes from each the first rows that are free: a hundred
// thousand rows of one webhook cost the others nothing. Webhooks without a free slot, paused, gone or backing off are passed
// by; the sweep moves their rows away. Ready rows are due by definition. While nothing may be sent, it looks at none.
//   * A webhook's state row is locked first: one worker at a time takes of a webhook, so that its rate and its sequence
//     hold over all; who finds it locked takes of the others.
//   * A rate is kept as the time from which the next may go (GCRA). The burst keeps what goes in any 10 s below
//     1.05 × the rate.
//   * Planned while the queue is empty, it has to be good for a million rows: decision 0007.
//   * What a worker had claimed that is dead is free before its lease has run out; the third time in a row it is not, since
//     it may be what ends workers. Nor is the head of a lane: the dead one's request may still be on its way, and come
//     behind the next. That a session is dead holds while it is in the roll: a worker that has come back has another.
//   * `visited` has a row of nulls for a webhook looked at in vain, so that its limit bounds these as well.
const claimSql = (scan: string, within: string) => `
with recursive scan as (${scan}),
visited as (
  select scan.webhook_id, scan.turn, taken.*
  from scan left join lateral (
    select webhook.*, row.*
    from (
      select w.version, ${PACE} as rate, w.delivery_order, s.proven, s.last_sequence, s.next_send_at as paced_until,
        greatest(s.next_send_at, now()) as next_send_at,
        coalesce(
          ($2::jsonb -> scan.webhook_id::text ->> case when s.proven then 0 else 1 end)::integer,
          case when s.proven then $3::integer else $4::integer end
        ) as slots
      from posthorn.webhooks as w
      join posthorn.webhook_states as s on s.bucket = 0 and s.webhook_id = w.webhook_id
      where w.webhook_id = scan.webhook_id and w.status = 'Subscribed' and coalesce(w.deleted_at, 'infinity') = 'infinity'
        and not w.paused and w.health <> 'disabled'
        and (s.not_before is null or s.not_before <= now())
        and (s.requeued_to is null or w.delivery_order = 'none' and s.cancels_before is null)
        and ($2::jsonb ->> scan.webhook_id::text) is distinct from '[0, 0]'
        and (s.proven or $5::integer > 0) and not s.leaves
      offset 0
      for update of s skip locked
    ) as webhook
    cross join lateral (
      select d.ctid as place_of_row, d.bucket, d.tenant, d.id, d.due_at, d.payload_bytes, d.sequence,
        case webhook.delivery_order when 'none' then false when 'webhook' then d.lane is distinct from 0
          else coalesce(d.lane, 0) = 0 end as is_misplaced
      from posthorn.deliveries as d
      where d.bucket = 0 and d.state = 0 and d.webhook_id = scan.webhook_id ${within}
        and (d.locked_until is null or d.locked_until < now() or ${IS_FREED_EARLY})
      order by d.due_at, d.id
      limit case when webhook.rate is null then webhook.slots else greatest(0, least(webhook.slots, floor(1 + webhook.rate * (
        greatest(0, least(${BURST_S}, 0.5 - 1 / webhook.rate)) - extract(epoch from webhook.next_send_at - now())::float
      )))) end
      for update skip locked
    ) as row
    -- What was changed since this statement began is locked as it is now, and can't be changed by its place: it gets no
    -- number, for it is left to the next claim.
    cross join lateral (
      select from posthorn.deliveries as seen where seen.ctid = row.place_of_row offset 0
    ) as unchanged
  ) as taken on true
  limit $6::integer
),
picked as (
  select * from (
    select *,
      count(*) over in_turn as rank,
      sum(payload_bytes) over in_turn - payload_bytes as bytes_before,
      count(*) filter (where sequence is null) over (partition by turn order by due_at, id) as number
    from (
      select *, count(*) filter (where not proven) over (order by turn, due_at, id) as unproven_rank
      from visited where id is not null and not is_misplaced
    ) as found
    where proven or unproven_rank <= $5::integer
    window in_turn as (order by turn, due_at, id)
  ) as running
  where rank <= $7::integer and bytes_before < $8::integer
),
taken_of as (
  update posthorn.webhook_states as s
  set last_sequence = s.last_sequence + p.numbered, next_send_at = coalesce(p.next_send_at, s.next_send_at)
  from (
    select bucket, webhook_id, count(*) filter (where sequence is null) as numbered,
      max(next_send_at) filter (where rate is not null) + count(*) / max(rate) * interval '1 second' as next_send_at
    from picked group by bucket, webhook_id
  ) as p
  where s.bucket = p.bucket and s.webhook_id = p.webhook_id and (p.numbered > 0 or p.next_send_at is not null)
),
claimed as (
  update posthorn.deliveries as d
  set locked_until = now() + $9::integer * interval '1 millisecond',
    fence = d.fence + 1,
    locked_by = $10::bigint,
    crashes = case when d.locked_until < now() then d.crashes + 1 else d.crashes end,
    freed_early = case when d.locked_until >= now() then d.freed_early + 1 else 0 end,
    sequence = coalesce(d.sequence, p.last_sequence + p.number)
  from picked as p
  where d.ctid = p.place_of_row
  returning d.id, d.fence, d.tenant, d.event_id, d.webhook_id, p.version as webhook_version, p.proven,
    d.attempts_made, d.crashes, d.sequence, d.lane, d.payload_bytes, p.rank,
    case when d.attempts_made = 0 and d.cause = 'publish' and d.lane is null
      and (p.rate is null or p.paced_until is null or p.paced_until <= greatest(d.created_at, d.due_at))
      then date_part('epoch', greatest(d.created_at, d.due_at, ${RESUMED_AT})) * 1000 end as startable_ms
)
select claimed.id, claimed.fence, claimed.tenant, claimed.event_id, claimed.webhook_id, claimed.webhook_version, claimed.proven,
  claimed.attempts_made, claimed.crashes, claimed.sequence, claimed.lane, claimed.startable_ms,
  case when row_number() over (order by claimed.rank) = 1 then whole.facts end as whole
from (
  select json_build_object(
    'clock', now(), 'took_ms', extract(epoch from clock_timestamp() - now()) * 1000, 'looked_at', count(*), 'last_webhook', max(webhook_id),
    'has_queued', exists (select from posthorn.deliveries where bucket = 0 and state = 3),
    'payload_bytes', (select coalesce(sum(payload_bytes), 0) from claimed),
    'misplaced', coalesce(json_agg(distinct webhook_id) filter (where is_misplaced), '[]')
  ) as facts
  from visited
) as whole
left join claimed on true
order by claimed.rank`;

/** Looks at each webhook that has ready rows. */
export const CLAIM = claimSql(SCAN_ALL, "");
/** Looks at the webhooks that are given alone, and of each at what is due since then. */
export const CLAIM_SINCE = claimSql(SCAN_GIVEN, "and d.due_at >= scan.since");
