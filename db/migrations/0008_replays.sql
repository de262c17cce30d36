-- Replays: what was sent to a webhook is sent again, fed in little by little behind what is live.

-- One row for each replay, and for each retry of all that is dead (cause `retry`). A replay looks at its events once, in
-- order: `position` is where it is, in ids of events or, where it goes by a status, of deliveries.
-- By a status of a webhook with an order, events are looked at where their first delivery stands (`by_first`), since those
-- stand in the order of the events; else at their newest, which alone can have the status.
-- `outstanding` are its own deliveries that have not ended: few, since only so many are fed ahead. What has ended of them
-- is added to the counts, so no count ever reads the history.
-- `pending_then` are the deliveries of other replays that were pending when this one was asked for: what they end as is
-- not its business, or pressing twice would send twice.
-- `counted_to` is where the count of what matches broke off for time; null where it went through.
create table posthorn.replays (
  bucket smallint not null default 0,
  is_fed boolean not null default false,
  by_first boolean not null,
  tenant text collate "C" not null,
  id uuid not null,
  webhook_id bigint not null,
  cause text not null check (cause in ('replay', 'retry')),
  wanted text check (wanted in ('delivered', 'dead', 'cancelled', 'never')),
  since uuid not null,
  until uuid not null,
  position uuid not null,
  counted_to uuid,
  matched bigint not null,
  queued bigint not null default 0,
  delivered bigint not null default 0,
  dead bigint not null default 0,
  cancelled bigint not null default 0,
  outstanding uuid[] not null default '{}',
  pending_then uuid[] not null default '{}',
  status text not null check (status in ('running', 'done', 'cancelled')),
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (bucket, tenant, id)
);
create index replays_webhook on posthorn.replays (bucket, webhook_id, id);
create index replays_open on posthorn.replays (bucket, id) where finished_at is null;
create index replays_over on posthorn.replays (bucket, finished_at) where finished_at is not null;

-- What holds a pending delivery; null where it is due, or in flight. `next_send_at` is null without a rate; `first_until` is
-- until when the first of its webhook is in flight.
create function posthorn.waiting_for(
  state smallint, locked_until timestamptz, is_paused boolean, health text,
  next_send_at timestamptz, not_before timestamptz, first_until timestamptz
) returns text
language sql stable
begin atomic
  select case
    when state is null or locked_until > now() then null
    when is_paused then 'paused'
    when health = 'disabled' then 'disabled'
    when state = 3 then 'order'
    when state = 0 and next_send_at > now() then 'rate'
    -- A webhook told to wait (Retry-After) waits as a whole, its first attempts too.
    when state = 1 or not_before > now() then 'retry'
    when state = 0 and first_until > now() then 'cap'
  end;
end;

-- When it is next tried; null while it is held. A ready row goes out as soon as there is room: its due_at is its place in
-- the row, which of a replayed one is far behind; that of a held one is when it became held.
create function posthorn.next_attempt_at(
  state smallint, due_at timestamptz, locked_until timestamptz, is_paused boolean, health text, not_before timestamptz
) returns timestamptz
language sql stable
begin atomic
  select case
    when state is null or ((is_paused or health = 'disabled') and (locked_until > now()) is not true) then null
    else greatest(
      case state when 1 then due_at when 2 then now() else least(due_at, now()) end,
      case when not_before > now() then not_before end
    )
  end;
end;

create or replace view posthorn.v_deliveries as
  select posthorn.public_id('dlv', d.id) as id, d.tenant, posthorn.public_id('evt', d.event_id) as event_id,
    w.id as webhook_id, e.type, d.status, d.cause, d.attempts_made, d.reason,
    posthorn.next_attempt_at(d.state, d.due_at, d.locked_until, w.paused, w.health, s.not_before) as next_attempt_at,
    d.created_at, d.finished_at,
    posthorn.waiting_for(
      d.state, d.locked_until, w.paused, w.health, case when w.rate_limit_per_s is not null then s.next_send_at end, s.not_before,
      (
        select first.locked_until from posthorn.deliveries as first
        where first.bucket = 0 and first.state = 0 and first.webhook_id = d.webhook_id
        order by first.due_at, first.id limit 1
      )
    ) as waiting_for
  from posthorn.all_deliveries as d
  join posthorn.webhooks as w on w.webhook_id = d.webhook_id
  left join posthorn.webhook_states as s on s.bucket = 0 and s.webhook_id = d.webhook_id
  left join posthorn.events as e on e.bucket = d.bucket and e.tenant = d.tenant and e.id = d.event_id;

-- As those of the other views: called with the reader's rights.
grant execute on function posthorn.waiting_for(
  smallint, timestamptz, boolean, text, timestamptz, timestamptz, timestamptz
) to public;
grant execute on function posthorn.next_attempt_at(
  smallint, timestamptz, timestamptz, boolean, text, timestamptz
) to public;
