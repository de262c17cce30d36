-- Where a delivery starts, and the lanes of ordered webhooks.

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

-- Makes the first delivery of each free lane ready, of the webhook given, from the lane after `after_lane` on, looking at
-- `lanes_max` lanes. Answers how many it made ready, and the last lane it looked at: null where it came to the end.
-- Waits for nobody: a webhook that another worker is at is left to the next call. Does nothing while older deliveries are
-- on their way into the lanes, out of a rest or of another order: a newer one would overtake them.
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
  where s.bucket = 0 and s.webhook_id = webhook and s.requeued_to is null
  for update skip locked;
  if not found then
    return next;
    return;
  end if;
  -- Statements of their own, so that their snapshots see what the holder of that lock did before.
  select w.delivery_order into delivery_order from posthorn.webhooks as w
  where w.webhook_id = webhook and w.status = 'Subscribed' and coalesce(w.deleted_at, 'infinity') = 'infinity'
    and not w.paused and w.health <> 'disabled';
  -- Queued by a publish that committed after the order was changed.
  if posthorn.has_misplaced(webhook, delivery_order) then
    perform posthorn.requeue(array[webhook]);
    return next;
    return;
  end if;
  if delivery_order is null or delivery_order = 'none' or posthorn.has_parked(webhook) then
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
      -- One that was waiting for its retry when the order was changed goes on waiting for it.
      update posthorn.deliveries as d set state = case when d.attempts_made > 0 and d.due_at > now() then 1 else 0 end
      from free where d.ctid = free.place_of_row and d.state + 0 = 3
      returning 1
    )
    select (select count(*) from heads)::integer,
      (select scan.lane from scan where scan.looked = lanes_max);
end
$$;

-- Whether a webhook has parked deliveries.
create function posthorn.has_parked(webhook bigint) returns boolean
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  return (
    select d.due_at from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 2 and d.webhook_id = webhook order by d.due_at, d.id limit 1
  ) is not null;
end
$$;

-- Whether a webhook has queued deliveries that are not in a lane of its order.
create function posthorn.has_misplaced(webhook bigint, delivery_order text) returns boolean
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  return delivery_order is not null and (
    select d.lane from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 3 and d.webhook_id = webhook
      and d.lane >= case delivery_order when 'webhook' then 1 else 0 end
      and d.lane <= case delivery_order when 'channel' then 0 else 9007199254740991 end
    order by d.lane, d.id limit 1
  ) is not null;
end
$$;

-- Has all rows of webhooks requeued, from the first on. One whose state somebody else has is left out: whoever
-- finds a row out of place finds it again.
create function posthorn.requeue(webhooks bigint[]) returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  update posthorn.webhook_states as s set requeued_to = '00000000-0000-0000-0000-000000000000'
  from (
    select l.bucket, l.webhook_id from posthorn.webhook_states as l
    where l.bucket = 0 and l.webhook_id = any (webhooks) and l.requeued_to is null
    for update skip locked
  ) as free
  where s.bucket = free.bucket and s.webhook_id = free.webhook_id;
end
$$;

-- Puts the next rows of a webhook where it wants them: cancelled where it has ended, in the lanes of its order, due now. By
-- their ids, `rows_max` a call, each row once a change. Waits for nobody: it stops before a row that somebody is at, or that
-- is in flight outside of its lane: until that has ended, nothing of an ordered webhook may go. Answers how many rows it
-- moved, and whether there is more that can be moved now.
create function posthorn.requeue_rows(webhook bigint, rows_max integer)
returns table (moved integer, goes_on boolean)
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
declare
  wanted posthorn.webhook_states;
  delivery_order text;
  end_reason text;
  looked uuid[];
  busy uuid;
  reached uuid;
begin
  moved := 0;
  goes_on := false;
  select s.* into wanted from posthorn.webhook_states as s
  where s.bucket = 0 and s.webhook_id = webhook and s.requeued_to is not null
  for update skip locked;
  if not found then
    return next;
    return;
  end if;
  -- Statements of their own, so that their snapshots see what the holder of that lock did before.
  select w.delivery_order,
    case when w.deleted_at is not null then 'deleted' when w.status <> 'Subscribed' then 'unsubscribed' end
  into delivery_order, end_reason
  from posthorn.webhooks as w where w.webhook_id = webhook;
  if not found then
    end_reason := 'deleted';
  end if;

  with looked_at as materialized (
    select d.id, d.ctid as place_of_row, d.tenant, d.event_id, d.state,
      end_reason is not null or coalesce(d.id < wanted.cancels_before, false) as is_cancelled,
      wanted.hastens and d.state = 1 and d.due_at > now() as is_hastened,
      case delivery_order when 'none' then d.lane is not null and coalesce(d.locked_until < now(), true)
        when 'webhook' then d.lane is distinct from 0 else coalesce(d.lane, 0) = 0 end as is_misplaced,
      delivery_order <> 'none' and coalesce(d.locked_until > now(), false) as is_in_flight
    from posthorn.deliveries as d
    where d.bucket = 0 and d.webhook_id = webhook and d.webhook_id > 0 and d.id > wanted.requeued_to
    order by d.id limit rows_max
  ),
  -- Locked by a left join: to look for those that were not among those that were is a million comparisons.
  tried as materialized (
    select l.*, coalesce(locked.is_free and (l.is_cancelled or not (l.is_misplaced and l.is_in_flight)), false) as is_free
    from looked_at as l
    left join lateral (
      select true as is_free from posthorn.deliveries as d where d.ctid = l.place_of_row for update skip locked
    ) as locked on true
    where l.is_cancelled or l.is_hastened or l.is_misplaced
  ),
  free as materialized (
    select * from tried where is_free
  ),
  gone as (
    delete from posthorn.deliveries as d using free as f
    where d.ctid = f.place_of_row and f.is_cancelled
    returning d.*
  ),
  finished as (
    insert into posthorn.finished_deliveries
      (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, last_at, last_status, last_reason,
       last_duration_ms, status, reason, finished_at)
    select g.tenant, g.id, g.event_id, g.webhook_id, g.sequence, g.created_at, g.cause, g.attempts_made, g.last_at,
      g.last_status, g.last_reason, g.last_duration_ms, 'cancelled',
      posthorn.cancelled_as(coalesce(end_reason, wanted.cancels_as)), now()
    from gone as g
  ),
  placed as (
    update posthorn.deliveries as d
    set state = case
        when f.state = 2 then 2
        when f.is_misplaced and delivery_order <> 'none' then 3
        when f.is_hastened or f.state = 3 then 0
        else f.state
      end,
      lane = case when f.is_misplaced then posthorn.lane(delivery_order, e.channel) else d.lane end,
      due_at = case when f.is_hastened then now() else d.due_at end
    from free as f
    left join lateral (
      select event.channel from posthorn.events as event
      where event.bucket = 0 and event.tenant = f.tenant and event.id = f.event_id
      offset 0
    ) as e on true
    where d.ctid = f.place_of_row and not f.is_cancelled
  )
  select array(select l.id from looked_at as l order by l.id), (select count(*) from free),
    (select t.id from tried as t where not t.is_free order by t.id limit 1)
  into looked, moved, busy;

  reached := case
    when busy is not null then coalesce(looked[array_position(looked, busy) - 1], wanted.requeued_to)
    when cardinality(looked) = rows_max then looked[rows_max]
  end;
  goes_on := busy is null and reached is not null;
  update posthorn.webhook_states as s
  set requeued_to = reached,
    cancels_before = case when reached is not null then s.cancels_before end,
    cancels_as = case when reached is not null then s.cancels_as end,
    hastens = reached is not null and s.hastens
  where s.bucket = 0 and s.webhook_id = webhook;
  return next;
end
$$;
