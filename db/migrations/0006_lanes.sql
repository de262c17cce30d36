-- Order, sequence, rate and probation: what the claim needs to know of a webhook, and the lanes of ordered ones.

-- A webhook's state row is there from the start: the claim locks it, so that one worker at a time takes of a webhook.
-- `proven`: it has had a success since it was made, released, or last gave no answer in time; else it has one slot.
alter table posthorn.webhook_states
  add column proven boolean not null default false,
  add column last_sequence bigint not null default 0,
  add column next_send_at timestamptz;
alter table posthorn.webhook_states set (
  fillfactor = 50, -- updated by each claim: with room on the page the update is HOT
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0
);
insert into posthorn.webhook_states as s (webhook_id, proven)
select w.webhook_id, c.last_success_at is not null
from posthorn.webhooks as w
left join posthorn.counters as c on c.bucket = 0 and c.webhook_id = w.webhook_id
on conflict (bucket, webhook_id) do update set proven = excluded.proven;

-- Where the sweeps begin: the few webhooks that rest, or asked to be left alone.
create index webhooks_resting on posthorn.webhooks (webhook_id) where paused or health = 'disabled';
create index webhook_states_told on posthorn.webhook_states (bucket, not_before) where not_before is not null;
create index webhooks_old_keys on posthorn.webhooks (previous_key_expires_at) where previous_key_expires_at is not null;

-- The lane of an ordered webhook's delivery: 0 where all of it is one lane, else its channel's number, 1 for events
-- without a channel. 52 bits of a hash, so that a JavaScript number holds it; two channels with one number are kept in one
-- order, which harms nobody.
create function posthorn.lane(delivery_order text, channel text) returns bigint
language sql immutable parallel safe
begin atomic
  select case delivery_order
    when 'webhook' then 0
    when 'channel' then coalesce((hashtextextended(channel, 0) & 4503599627370495) + 2, 1)
  end;
end;

-- The state in which a delivery starts: held (2), queued behind its lane (3), or ready (0).
create function posthorn.first_state(paused boolean, health text, delivery_order text) returns smallint
language sql immutable parallel safe
begin atomic
  select case when paused or health = 'disabled' then 2 when delivery_order = 'none' then 0 else 3 end::smallint;
end;

revoke execute on function posthorn.lane(text, text), posthorn.first_state(boolean, text, text) from public;

-- State 3 is queued: behind another delivery of its lane, and in no index that the claim reads. A lane's head, the one
-- delivery of it that is ready or waiting, is made so by advance_lanes alone.
alter table posthorn.deliveries add column lane bigint;
create index deliveries_queued on posthorn.deliveries (bucket, webhook_id, lane, id) where state = 3;
-- Two heads of one lane would be two requests at once: the database itself refuses them.
create unique index deliveries_head on posthorn.deliveries (bucket, webhook_id, lane) where state < 2 and lane is not null;

-- Statements on the queue are planned while it is empty, when the planner takes any index that begins with the bucket to be
-- as good as the primary key, and then reads all of it for each row (measured: 1.7 s for a claim beside 5,000 rows). So
-- every other index has a predicate, though it may hold for all rows: only who says it is offered the index.
drop index posthorn.deliveries_webhook;
drop index posthorn.deliveries_event;
create index deliveries_webhook on posthorn.deliveries (bucket, webhook_id, id) where webhook_id > 0;
create index deliveries_event on posthorn.deliveries (bucket, event_id, webhook_id)
  where event_id > '00000000-0000-0000-0000-000000000000';

create or replace view posthorn.all_deliveries as
  select true as is_pending, d.bucket, d.tenant, d.id, d.event_id, d.webhook_id, d.cause, 'pending'::text as status,
    d.attempts_made, d.sequence, d.created_at, null::timestamptz as finished_at, null::text as reason,
    d.state, d.due_at, d.locked_until
  from posthorn.deliveries as d
  where d.webhook_id > 0 and d.event_id > '00000000-0000-0000-0000-000000000000'
  union all
  select false, f.bucket, f.tenant, f.id, f.event_id, f.webhook_id, f.cause, f.status,
    f.attempts_made, f.sequence, f.created_at, f.finished_at, f.reason,
    null::smallint, null::timestamptz, null::timestamptz
  from posthorn.finished_deliveries as f;

-- Makes the first delivery of each free lane ready, of the webhook given, from the lane after `after_lane` on, looking at
-- `lanes_max` lanes. Answers how many it made ready, and the last lane it looked at: null where it came to the end.
-- Waits for nobody: a webhook that another worker is at is left to the next call. Does nothing while older deliveries are
-- on their way into the lanes, out of a hold or of another order: a newer one would overtake them.
create function posthorn.advance_lanes(webhook bigint, after_lane bigint, lanes_max integer)
returns table (advanced integer, last_lane bigint)
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
declare
  delivery_order text;
begin
  advanced := 0;
  last_lane := after_lane;
  perform from posthorn.webhook_states as s
  where s.bucket = 0 and s.webhook_id = webhook
  for update skip locked;
  if not found then
    return next;
    return;
  end if;
  -- Statements of their own, so that their snapshots see what the holder of that lock did before.
  select w.delivery_order into delivery_order from posthorn.webhooks as w
  where w.webhook_id = webhook and w.status = 'Subscribed' and coalesce(w.deleted_at, 'infinity') = 'infinity'
    and not w.paused and w.health <> 'disabled' and w.delivery_order <> 'none';
  if delivery_order is null or posthorn.has_latecomers(webhook, delivery_order) then
    return next;
    return;
  end if;
  return query
    with recursive scan as (
      (
        select q.lane, q.ctid as place_of_row, 1 as looked from posthorn.deliveries as q
        where q.bucket = 0 and q.state = 3 and q.webhook_id = webhook and q.lane > after_lane
        order by q.lane, q.id limit 1
      )
      union all
      select following.lane, following.place_of_row, scan.looked + 1
      from scan cross join lateral (
        select q.lane, q.ctid as place_of_row from posthorn.deliveries as q
        where q.bucket = 0 and q.state = 3 and q.webhook_id = webhook and q.lane > scan.lane
        order by q.lane, q.id limit 1
      ) as following
      where scan.looked < lanes_max
    ),
    free as materialized (
      select scan.place_of_row from scan
      -- The order names the index: "exists" with an equality would leave the choice open.
      where (
        select head.lane from posthorn.deliveries as head
        where head.bucket = 0 and head.webhook_id = webhook and head.lane >= scan.lane and head.state < 2
        order by head.lane limit 1
      ) is distinct from scan.lane
    ),
    heads as (
      update posthorn.deliveries as d set state = 0
      from free where d.ctid = free.place_of_row and d.state + 0 = 3
      returning 1
    )
    select (select count(*) from heads)::integer,
      (select scan.lane from scan where scan.looked = lanes_max);
end
$$;

-- Whether an ordered webhook has deliveries that are held, or not yet in the lanes of its order.
create function posthorn.has_latecomers(webhook bigint, delivery_order text) returns boolean
language sql stable
begin atomic
  select (
    select d.due_at from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 2 and d.webhook_id = webhook order by d.due_at, d.id limit 1
  ) is not null
  or (
    select d.lane from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 3 and d.webhook_id = webhook
      and d.lane >= case delivery_order when 'webhook' then 1 else 0 end
      and d.lane <= case delivery_order when 'webhook' then 9007199254740991 else 0 end
    order by d.lane, d.id limit 1
  ) is not null
  -- The oldest are looked at: what is in no lane, or in that of another order, is older than the heads.
  or exists (
    select from (
      select d.lane from posthorn.deliveries as d
      where d.bucket = 0 and d.state = 0 and d.webhook_id = webhook order by d.due_at, d.id limit 50
    ) as oldest
    where oldest.lane is null or (oldest.lane = 0) <> (delivery_order = 'webhook')
  );
end;
revoke execute on function posthorn.advance_lanes(bigint, bigint, integer), posthorn.has_latecomers(bigint, text) from public;
