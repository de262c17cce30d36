-- The queue: what is pending, what has become of it, and what it is fed from. The rules of 0001 hold here too.
--
-- Statements on the queue are planned while it is empty, when the planner takes any index that begins with the bucket to be
-- as good as the primary key, and then reads all of it for each row (measured: 1.7 s for a claim beside 5,000 rows). So
-- every other index of `deliveries` has a predicate, though it may hold for all rows: only who says it is offered the index.

-- What the deliveries teach about a webhook, apart from its settings: these rows are written by workers,
-- those are locked by the API's updates. The claim locks a webhook's row, so that one worker at a time takes of it.
-- `proven`: it has had a success since it was made, released, or last gave no answer in time; else it has one slot.
-- `version`: of the webhook; what an attempt by another one has shown is not learned. Null: it was never changed.
-- `requeued_to`: after a change its rows are being requeued, see requeue_rows, and this is the last that was; null: all
-- are. Those before `cancels_before` are to be cancelled, for the reason `cancels_as`. `hastens`: what waits is to be due now.
-- `leaves`: its tenant is being moved to another cell, and nothing of it is claimed here any more.
-- `tested_at`: when samples were sent to it by webhooks.test within the last minute: there is a limit to them.
create table posthorn.webhook_states (
  bucket smallint not null default 0,
  proven boolean not null default false,
  hastens boolean not null default false,
  leaves boolean not null default false,
  webhook_id bigint not null,
  last_sequence bigint not null default 0,
  not_before timestamptz,
  next_send_at timestamptz,
  version uuid,
  requeued_to uuid,
  cancels_before uuid,
  cancels_as text,
  tested_at timestamptz[] not null default '{}',
  primary key (bucket, webhook_id)
) with (
  fillfactor = 50, -- updated by each claim: with room on the page the update is HOT
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0
);
-- Where the sweeps begin: the few webhooks that asked to be left alone, or have rows out of place.
create index webhook_states_backing_off on posthorn.webhook_states (bucket, not_before) where not_before is not null;
create index webhook_states_requeue on posthorn.webhook_states (bucket, webhook_id) where requeued_to is not null;

-- The hot table: pending deliveries only. state: 0 ready, 1 waiting, 2 parked, 3 queued (index predicates want a constant).
-- due_at of a parked row is when it became held. A queued one is behind another delivery of its lane, and in no index that
-- the claim reads; a lane's head, the one delivery of it that is ready or waiting, is made so by advance_lanes alone.
-- The lease (locked_until, fence) is in no index and no predicate, so that a claim is a HOT update.
-- locked_by: the worker's number in the roll, where it has one; freed_early: how many leases in a row were ended by its death.
-- last_*: its last attempt, of one that has failed; null before, so that they cost nothing.
create table posthorn.deliveries (
  bucket smallint not null default 0,
  state smallint not null,
  attempts_made smallint not null default 0,
  crashes smallint not null default 0,
  freed_early smallint not null default 0,
  last_status smallint,
  last_duration_ms integer,
  payload_bytes integer not null,
  id uuid not null,
  event_id uuid not null,
  webhook_id bigint not null,
  due_at timestamptz not null,
  locked_until timestamptz,
  locked_by bigint,
  fence bigint not null default 0,
  sequence bigint,
  lane bigint,
  created_at timestamptz not null,
  last_at timestamptz,
  tenant text collate "C" not null,
  cause text collate "C" not null,
  last_reason text,
  primary key (bucket, tenant, id)
) with (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0,
  vacuum_truncate = false
);
create index deliveries_ready on posthorn.deliveries (bucket, webhook_id, due_at, id) where state = 0;
create index deliveries_waiting on posthorn.deliveries (bucket, due_at, id) where state = 1;
create index deliveries_held on posthorn.deliveries (bucket, webhook_id, due_at, id) where state = 2;
create index deliveries_queued on posthorn.deliveries (bucket, webhook_id, lane, id) where state = 3;
-- Two heads of one lane would be two requests at once: the database itself refuses them.
create unique index deliveries_head on posthorn.deliveries (bucket, webhook_id, lane) where state < 2 and lane is not null;
create index deliveries_webhook on posthorn.deliveries (bucket, webhook_id, id) where webhook_id > 0;
create index deliveries_event on posthorn.deliveries (bucket, event_id, webhook_id)
  where event_id > '00000000-0000-0000-0000-000000000000';

-- The roll of the workers that deliver: the session that each shows to live by, and is dead without, see src/delivery/roll-call.ts.
-- `session` is drawn for each connection, since a number of a process may be given twice. `rests`: it has had nothing to do and
-- looks once a second, so that whoever publishes tells it by NOTIFY, see wake_workers. `gone_at`: when another first missed it.
create table posthorn.workers (
  worker bigint primary key,
  rests boolean not null default false,
  pid integer not null,
  session uuid not null,
  backend_start timestamptz not null,
  server_start timestamptz not null,
  gone_at timestamptz
) with (fillfactor = 50);
create index workers_resting on posthorn.workers (worker) where rests;

-- Over all tenants, as of events.
create index deliveries_all on posthorn.deliveries (bucket, id) where created_at > '-infinity';

-- last_*: its last attempt, so that no list has to look for one; null where none was made. What ended while an attempt was
-- under way ended without it.
create table posthorn.finished_deliveries (
  bucket smallint not null default 0,
  attempts_made smallint not null,
  last_status smallint,
  last_duration_ms integer,
  tenant text collate "C" not null,
  id uuid not null,
  event_id uuid not null,
  webhook_id bigint not null,
  sequence bigint,
  created_at timestamptz not null,
  finished_at timestamptz not null,
  last_at timestamptz,
  cause text collate "C" not null,
  status text not null check (status in ('delivered', 'dead', 'cancelled')),
  reason text collate "C",
  last_reason text,
  primary key (bucket, tenant, id),
  check ((status = 'delivered') = (reason is null)) -- what ended undelivered is found by its reason
) partition by range (id);
create index finished_deliveries_webhook on posthorn.finished_deliveries (bucket, webhook_id, id);
create index finished_deliveries_event on posthorn.finished_deliveries (bucket, event_id, webhook_id);
-- Of the few that a list looks for: what ended undelivered, which alone has a reason, and what was sent again.
create index finished_deliveries_reason on posthorn.finished_deliveries (bucket, tenant, reason, id) where reason is not null;
create index finished_deliveries_webhook_reason on posthorn.finished_deliveries (bucket, webhook_id, reason, id)
  where reason is not null;
create index finished_deliveries_cause on posthorn.finished_deliveries (bucket, tenant, cause, id) where cause <> 'publish';
-- As of events: an answer that is seldom given, and a webhook's number.
create index finished_deliveries_blocks on posthorn.finished_deliveries using brin (
  id uuid_minmax_ops,
  last_status int2_minmax_multi_ops,
  sequence int8_minmax_ops
) with (pages_per_range = 32, autosummarize = on);
-- Over all tenants, as of events.
create index finished_deliveries_all on posthorn.finished_deliveries (bucket, id) where created_at > '-infinity';
create index finished_deliveries_all_reason on posthorn.finished_deliveries (bucket, reason, id)
  where reason is not null and created_at > '-infinity';

create table posthorn.attempts (
  bucket smallint not null default 0,
  number smallint not null,
  status smallint,
  duration_ms integer not null,
  webhook_version uuid not null,
  key_version integer,
  webhook_id bigint not null,
  delivery_id uuid not null,
  id uuid not null,
  at timestamptz not null,
  tenant text collate "C" not null,
  worker text not null,
  address text,
  reason text,
  error text,
  body_sha256 bytea,
  response_headers json,
  response_body text,
  resent_at timestamptz,
  traceparent text,
  primary key (bucket, delivery_id, id)
) partition by range (id);

-- Totals per webhook, and the run of failures that its health is judged by. Workers append deltas; a sweep folds them,
-- so that no two settles wait for one row. A delta has a key, as every table here has one: what a publication, a subscriber
-- or pg_repack can't tell apart may not be deleted while they look.
create table posthorn.counters (
  bucket smallint not null default 0,
  webhook_id bigint not null,
  delivered bigint not null default 0,
  dead bigint not null default 0,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  failures_in_row integer not null default 0,
  failing_since timestamptz,
  died_at timestamptz,
  primary key (bucket, webhook_id)
);
create index counters_failing on posthorn.counters (bucket, webhook_id) where failures_in_row > 0;
create table posthorn.counter_deltas (
  bucket smallint not null default 0,
  webhook_id bigint not null,
  id uuid not null default gen_random_uuid(),
  minute timestamptz not null, -- in which the attempts ended
  attempts integer not null,
  delivered integer not null,
  dead integer not null,
  retried integer not null,
  failures integer not null,
  last_success_at timestamptz,
  last_failure_at timestamptz,
  first_failure_at timestamptz,
  died_at timestamptz,
  tenant text collate "C" not null,
  latencies smallint[], -- a number for each, see src/queue/latency.ts
  primary key (bucket, webhook_id, id)
);

-- Statistics: what ended within a minute and within an hour, of each webhook for which something did, under 0 of the tenant as a
-- whole, and under 0 of the tenant * of all of them. Of latencies each number is how many times 64, and which slot; those of one slot add up.
create table posthorn.stats_minutes (
  bucket smallint not null default 0,
  webhook_id bigint not null,
  at timestamptz not null,
  attempts bigint not null,
  delivered bigint not null,
  dead bigint not null,
  retried bigint not null,
  tenant text collate "C" not null,
  latencies bigint[] not null,
  primary key (bucket, tenant, webhook_id, at)
) partition by range (at);
create table posthorn.stats_hours (like posthorn.stats_minutes including all) partition by range (at);

-- An event that matches more webhooks than fan_out_max: their deliveries are made by workers, a thousand at a time.
-- webhook_ids are those that the publish matched, sorted; the first `done` of them have their delivery.
create table posthorn.expansions (
  bucket smallint not null default 0,
  done integer not null default 0,
  payload_bytes integer not null,
  event_id uuid not null,
  created_at timestamptz not null,
  tenant text collate "C" not null,
  channel text,
  webhook_ids bigint[] not null,
  primary key (bucket, event_id)
) with (
  fillfactor = 50, -- updated by each step: with room on the page the update is HOT
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_cost_delay = 0
);

-- Not compressed: of the 12 ms that 10,000 ids took the publisher, 9 were spent on that.
alter table posthorn.expansions alter column webhook_ids set storage external;

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
  left_pending bigint not null default 0, -- events that were asked for and not sent again, by reason
  left_sent_again bigint not null default 0,
  left_payload_gone bigint not null default 0,
  outstanding uuid[] not null default '{}',
  pending_then uuid[] not null default '{}',
  status text not null check (status in ('running', 'done', 'cancelled')),
  created_at timestamptz not null,
  finished_at timestamptz,
  primary key (bucket, tenant, id)
);
create index replays_webhook on posthorn.replays (bucket, webhook_id, id);
create index replays_all on posthorn.replays (bucket, id) where created_at > '-infinity';
create index replays_open on posthorn.replays (bucket, id) where finished_at is null;
create index replays_over on posthorn.replays (bucket, finished_at) where finished_at is not null;

-- Tallies for whoever watches: sequences, since nobody waits for one, and it is read at once however much it has counted. What
-- was counted in a transaction stays counted where that is rolled back.
create sequence posthorn.published_by_sql;
create sequence posthorn.cancelled_unsubscribed;
create sequence posthorn.cancelled_deleted;
create sequence posthorn.cancelled_erased;
create sequence posthorn.cancelled_cancelled;
create sequence posthorn.cancelled_held_too_long;

-- Counts a delivery that ends as cancelled, and answers the reason: said where that is written down.
create function posthorn.cancelled_as(reason text) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  perform nextval(to_regclass('posthorn.cancelled_' || reason));
  return reason;
end
$$;

create function posthorn.tallies() returns table (name text, count bigint)
language sql stable security definer
set search_path = pg_catalog, posthorn, pg_temp
begin atomic
  select s.sequencename::text, coalesce(s.last_value, 0) from pg_catalog.pg_sequences as s where s.schemaname = 'posthorn';
end;
