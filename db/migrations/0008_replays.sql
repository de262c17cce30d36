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

-- A ready row goes out as soon as there is room: its due_at is its place in the row, which of a replayed one is far behind.
create or replace view posthorn.v_deliveries as
  select posthorn.public_id('dlv', d.id) as id, d.tenant, posthorn.public_id('evt', d.event_id) as event_id,
    w.id as webhook_id, e.type, d.status, d.cause, d.attempts_made, d.reason,
    case when d.state in (0, 3) then least(d.due_at, now()) when d.status = 'pending' then d.due_at end as next_attempt_at,
    d.created_at, d.finished_at
  from posthorn.all_deliveries as d
  join posthorn.webhooks as w on w.webhook_id = d.webhook_id
  left join posthorn.events as e on e.bucket = d.bucket and e.tenant = d.tenant and e.id = d.event_id;
