-- What the migrations add up to, read back from the catalogue. Written by `npm run schema`, not by hand.
-- The daily partitions are left out: the service makes them ahead of time and drops them when they are old.

create table posthorn.attempts (
  bucket smallint default 0 not null,
  number smallint not null,
  status smallint,
  duration_ms integer not null,
  webhook_version uuid not null,
  key_version integer,
  webhook_id bigint not null,
  delivery_id uuid not null,
  id uuid not null,
  at timestamp with time zone not null,
  tenant text collate "C" not null,
  worker text not null,
  address text,
  reason text,
  error text,
  body_sha256 bytea,
  response_headers json,
  response_body text,
  resent_at timestamp with time zone,
  traceparent text,
  constraint attempts_pkey PRIMARY KEY (bucket, delivery_id, id)
) partition by RANGE (id);

create table posthorn.counter_deltas (
  bucket smallint default 0 not null,
  webhook_id bigint not null,
  id uuid default gen_random_uuid() not null,
  minute timestamp with time zone not null,
  attempts integer not null,
  delivered integer not null,
  dead integer not null,
  retried integer not null,
  failures integer not null,
  last_success_at timestamp with time zone,
  last_failure_at timestamp with time zone,
  first_failure_at timestamp with time zone,
  died_at timestamp with time zone,
  tenant text collate "C" not null,
  latencies smallint[],
  constraint counter_deltas_pkey PRIMARY KEY (bucket, webhook_id, id)
);

create table posthorn.counters (
  bucket smallint default 0 not null,
  webhook_id bigint not null,
  delivered bigint default 0 not null,
  dead bigint default 0 not null,
  last_success_at timestamp with time zone,
  last_failure_at timestamp with time zone,
  failures_in_row integer default 0 not null,
  failing_since timestamp with time zone,
  died_at timestamp with time zone,
  constraint counters_pkey PRIMARY KEY (bucket, webhook_id)
);
CREATE INDEX counters_failing ON posthorn.counters USING btree (bucket, webhook_id) WHERE (failures_in_row > 0);

create table posthorn.deliveries (
  bucket smallint default 0 not null,
  state smallint not null,
  attempts_made smallint default 0 not null,
  crashes smallint default 0 not null,
  freed_early smallint default 0 not null,
  last_status smallint,
  last_duration_ms integer,
  payload_bytes integer not null,
  id uuid not null,
  event_id uuid not null,
  webhook_id bigint not null,
  due_at timestamp with time zone not null,
  locked_until timestamp with time zone,
  locked_by bigint,
  fence bigint default 0 not null,
  sequence bigint,
  lane bigint,
  created_at timestamp with time zone not null,
  last_at timestamp with time zone,
  tenant text collate "C" not null,
  cause text collate "C" not null,
  last_reason text,
  constraint deliveries_pkey PRIMARY KEY (bucket, tenant, id)
) with (
  fillfactor=70,
  autovacuum_vacuum_scale_factor=0.02,
  autovacuum_vacuum_cost_delay=0,
  vacuum_truncate=false
);
CREATE INDEX deliveries_all ON posthorn.deliveries USING btree (bucket, id) WHERE (created_at > '-infinity'::timestamp with time zone);
CREATE INDEX deliveries_event ON posthorn.deliveries USING btree (bucket, event_id, webhook_id) WHERE (event_id > '00000000-0000-0000-0000-000000000000'::uuid);
CREATE UNIQUE INDEX deliveries_head ON posthorn.deliveries USING btree (bucket, webhook_id, lane) WHERE ((state < 2) AND (lane IS NOT NULL));
CREATE INDEX deliveries_held ON posthorn.deliveries USING btree (bucket, webhook_id, due_at, id) WHERE (state = 2);
CREATE INDEX deliveries_queued ON posthorn.deliveries USING btree (bucket, webhook_id, lane, id) WHERE (state = 3);
CREATE INDEX deliveries_ready ON posthorn.deliveries USING btree (bucket, webhook_id, due_at, id) WHERE (state = 0);
CREATE INDEX deliveries_waiting ON posthorn.deliveries USING btree (bucket, due_at, id) WHERE (state = 1);
CREATE INDEX deliveries_webhook ON posthorn.deliveries USING btree (bucket, webhook_id, id) WHERE (webhook_id > 0);

create table posthorn.erasures (
  tenant text collate "C" not null,
  event_id uuid not null,
  erased_at timestamp with time zone not null,
  look_at timestamp with time zone,
  constraint erasures_pkey PRIMARY KEY (tenant, event_id)
);
CREATE INDEX erasures_to_look_at ON posthorn.erasures USING btree (look_at) WHERE (look_at IS NOT NULL);

create table posthorn.event_payloads (
  bucket smallint default 0 not null,
  tenant text collate "C" not null,
  id uuid not null,
  payload text not null,
  constraint event_payloads_pkey PRIMARY KEY (bucket, tenant, id)
) partition by RANGE (id);

create table posthorn.event_type_versions (
  tenant text collate "C" not null,
  name text collate "C" not null,
  version integer not null,
  changed_at timestamp with time zone not null,
  made_by uuid,
  made_by_name text,
  description text,
  schema json,
  example json,
  enforce boolean not null,
  is_archived boolean not null,
  constraint event_type_versions_pkey PRIMARY KEY (tenant, name, version)
);

create table posthorn.event_types (
  tenant text collate "C" not null,
  name text collate "C" not null,
  description text,
  schema json,
  example json,
  enforce boolean default false not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  archived_at timestamp with time zone,
  constraint event_types_pkey PRIMARY KEY (tenant, name)
);
CREATE INDEX event_types_updated ON posthorn.event_types USING btree (updated_at);

create table posthorn.events (
  bucket smallint default 0 not null,
  tenant text collate "C" not null,
  id uuid not null,
  type text collate "C" not null,
  channel text collate "C",
  "timestamp" timestamp with time zone not null,
  created_at timestamp with time zone not null,
  matched integer not null,
  schema_checked boolean not null,
  idempotency_key text collate "C",
  traceparent text,
  constraint events_pkey PRIMARY KEY (bucket, tenant, id)
) partition by RANGE (id);
CREATE INDEX events_all ON ONLY posthorn.events USING btree (bucket, id) WHERE (created_at > '-infinity'::timestamp with time zone);
CREATE INDEX events_blocks ON ONLY posthorn.events USING brin (id, type text_bloom_ops (n_distinct_per_range='100'), channel text_bloom_ops (n_distinct_per_range='1000'), idempotency_key text_bloom_ops (n_distinct_per_range='2000')) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX events_unmatched ON ONLY posthorn.events USING btree (bucket, tenant, id) WHERE (matched = 0);

create table posthorn.expansions (
  bucket smallint default 0 not null,
  done integer default 0 not null,
  payload_bytes integer not null,
  event_id uuid not null,
  created_at timestamp with time zone not null,
  tenant text collate "C" not null,
  channel text,
  webhook_ids bigint[] not null,
  constraint expansions_pkey PRIMARY KEY (bucket, event_id)
) with (
  fillfactor=50,
  autovacuum_vacuum_scale_factor=0.02,
  autovacuum_vacuum_cost_delay=0
);

create table posthorn.finished_deliveries (
  bucket smallint default 0 not null,
  attempts_made smallint not null,
  last_status smallint,
  last_duration_ms integer,
  tenant text collate "C" not null,
  id uuid not null,
  event_id uuid not null,
  webhook_id bigint not null,
  sequence bigint,
  created_at timestamp with time zone not null,
  finished_at timestamp with time zone not null,
  last_at timestamp with time zone,
  cause text collate "C" not null,
  status text not null,
  reason text collate "C",
  last_reason text,
  constraint finished_deliveries_check CHECK (((status = 'delivered'::text) = (reason IS NULL))),
  constraint finished_deliveries_pkey PRIMARY KEY (bucket, tenant, id),
  constraint finished_deliveries_status_check CHECK ((status = ANY (ARRAY['delivered'::text, 'dead'::text, 'cancelled'::text])))
) partition by RANGE (id);
CREATE INDEX finished_deliveries_all ON ONLY posthorn.finished_deliveries USING btree (bucket, id) WHERE (created_at > '-infinity'::timestamp with time zone);
CREATE INDEX finished_deliveries_all_reason ON ONLY posthorn.finished_deliveries USING btree (bucket, reason, id) WHERE ((reason IS NOT NULL) AND (created_at > '-infinity'::timestamp with time zone));
CREATE INDEX finished_deliveries_blocks ON ONLY posthorn.finished_deliveries USING brin (id, last_status int2_minmax_multi_ops, sequence) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX finished_deliveries_cause ON ONLY posthorn.finished_deliveries USING btree (bucket, tenant, cause, id) WHERE (cause <> 'publish'::text);
CREATE INDEX finished_deliveries_event ON ONLY posthorn.finished_deliveries USING btree (bucket, event_id, webhook_id);
CREATE INDEX finished_deliveries_reason ON ONLY posthorn.finished_deliveries USING btree (bucket, tenant, reason, id) WHERE (reason IS NOT NULL);
CREATE INDEX finished_deliveries_webhook ON ONLY posthorn.finished_deliveries USING btree (bucket, webhook_id, id);
CREATE INDEX finished_deliveries_webhook_reason ON ONLY posthorn.finished_deliveries USING btree (bucket, webhook_id, reason, id) WHERE (reason IS NOT NULL);

create table posthorn.forwards (
  tenant text collate "C" not null,
  id uuid not null,
  type text collate "C" not null,
  channel text collate "C",
  "timestamp" timestamp with time zone,
  created_at timestamp with time zone not null,
  schema_checked boolean not null,
  idempotency_key text collate "C",
  traceparent text,
  payload text not null,
  set_aside_at timestamp with time zone,
  set_aside_as text,
  constraint forwards_pkey PRIMARY KEY (tenant, id)
) with (
  autovacuum_vacuum_scale_factor=0.02,
  autovacuum_vacuum_cost_delay=0
);
CREATE INDEX forwards_set_aside ON posthorn.forwards USING btree (set_aside_at) WHERE (set_aside_at IS NOT NULL);
CREATE INDEX forwards_waiting ON posthorn.forwards USING btree (tenant, id) WHERE (set_aside_at IS NULL);

create table posthorn.idempotency_keys (
  tenant text collate "C" not null,
  key text collate "C" not null,
  event_id uuid not null,
  fingerprint bytea not null,
  created_at timestamp with time zone not null,
  constraint idempotency_keys_pkey PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_keys_age ON posthorn.idempotency_keys USING btree (created_at);

create table posthorn.kept_answers (
  tenant text collate "C" not null,
  caller text collate "C" not null,
  key text collate "C" not null,
  shows text collate "C",
  sealed bytea,
  created_at timestamp with time zone not null,
  constraint kept_answers_pkey PRIMARY KEY (tenant, caller, key)
);
CREATE INDEX kept_answers_age ON posthorn.kept_answers USING btree (created_at);
CREATE INDEX kept_answers_shows ON posthorn.kept_answers USING btree (shows) WHERE (shows IS NOT NULL);

create table posthorn.keys (
  id uuid not null,
  name text not null,
  scope text not null,
  tenant text collate "C",
  hash bytea,
  created_at timestamp with time zone not null,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  last_used_at timestamp with time zone,
  is_portal boolean default false not null,
  webhook_ids bigint[],
  constraint keys_check CHECK (((tenant IS NULL) = (scope = ANY (ARRAY['admin'::text, 'metrics'::text])))),
  constraint keys_check1 CHECK ((is_portal OR (hash IS NOT NULL))),
  constraint keys_check2 CHECK ((is_portal OR (webhook_ids IS NULL))),
  constraint keys_hash_key UNIQUE (hash),
  constraint keys_pkey PRIMARY KEY (id),
  constraint keys_scope_check CHECK ((scope = ANY (ARRAY['admin'::text, 'manage'::text, 'publish'::text, 'read'::text, 'metrics'::text])))
);
CREATE INDEX keys_portal_over ON posthorn.keys USING btree (expires_at) WHERE is_portal;
CREATE INDEX keys_tenant ON posthorn.keys USING btree (tenant) WHERE (tenant IS NOT NULL);

create table posthorn.locks (
  slot integer not null,
  holder_pid integer,
  holder_start timestamp with time zone,
  constraint locks_pkey PRIMARY KEY (slot)
);

create table posthorn.migrations (
  version integer not null,
  name text not null,
  applied_at timestamp with time zone not null,
  works_from integer,
  constraint migrations_pkey PRIMARY KEY (version)
);

create table posthorn.placements (
  tenant text collate "C" not null,
  cell text collate "C" not null,
  placed_at timestamp with time zone default now() not null,
  moves integer default 0 not null,
  moving_to text collate "C",
  left_at timestamp with time zone,
  cleared_at timestamp with time zone,
  constraint placements_pkey PRIMARY KEY (tenant)
);
CREATE INDEX placements_left ON posthorn.placements USING btree (tenant) WHERE (left_at IS NOT NULL);
CREATE INDEX placements_placed ON posthorn.placements USING btree (placed_at);

create table posthorn.portal_links (
  key_id uuid not null,
  token_hash bytea not null,
  nonce_hash bytea,
  session_s integer not null,
  expires_at timestamp with time zone not null,
  opened_at timestamp with time zone,
  return_url text,
  constraint portal_links_pkey PRIMARY KEY (key_id),
  constraint portal_links_token_hash_key UNIQUE (token_hash)
);

create table posthorn.publishers (
  role regrole not null,
  tenant text collate "C" not null,
  constraint publishers_pkey PRIMARY KEY (role, tenant)
);

create table posthorn.replays (
  bucket smallint default 0 not null,
  is_fed boolean default false not null,
  by_first boolean not null,
  tenant text collate "C" not null,
  id uuid not null,
  webhook_id bigint not null,
  cause text not null,
  wanted text,
  since uuid not null,
  until uuid not null,
  "position" uuid not null,
  counted_to uuid,
  matched bigint not null,
  queued bigint default 0 not null,
  delivered bigint default 0 not null,
  dead bigint default 0 not null,
  cancelled bigint default 0 not null,
  left_pending bigint default 0 not null,
  left_sent_again bigint default 0 not null,
  left_payload_gone bigint default 0 not null,
  outstanding uuid[] default '{}'::uuid[] not null,
  pending_then uuid[] default '{}'::uuid[] not null,
  status text not null,
  created_at timestamp with time zone not null,
  finished_at timestamp with time zone,
  constraint replays_cause_check CHECK ((cause = ANY (ARRAY['replay'::text, 'retry'::text]))),
  constraint replays_pkey PRIMARY KEY (bucket, tenant, id),
  constraint replays_status_check CHECK ((status = ANY (ARRAY['running'::text, 'done'::text, 'cancelled'::text]))),
  constraint replays_wanted_check CHECK ((wanted = ANY (ARRAY['delivered'::text, 'dead'::text, 'cancelled'::text, 'never'::text])))
);
CREATE INDEX replays_all ON posthorn.replays USING btree (bucket, id) WHERE (created_at > '-infinity'::timestamp with time zone);
CREATE INDEX replays_open ON posthorn.replays USING btree (bucket, id) WHERE (finished_at IS NULL);
CREATE INDEX replays_over ON posthorn.replays USING btree (bucket, finished_at) WHERE (finished_at IS NOT NULL);
CREATE INDEX replays_webhook ON posthorn.replays USING btree (bucket, webhook_id, id);

create table posthorn.routes (
  tenant text collate "C" not null,
  type_pattern text collate "C" not null,
  channel text collate "C" not null,
  webhook_id bigint not null,
  constraint routes_pkey PRIMARY KEY (tenant, type_pattern, channel, webhook_id)
);
CREATE INDEX routes_webhook ON posthorn.routes USING btree (webhook_id);

create table posthorn.settings (
  name text collate "C" not null,
  value text not null,
  constraint settings_pkey PRIMARY KEY (name)
);

create table posthorn.stats_hours (
  bucket smallint default 0 not null,
  webhook_id bigint not null,
  at timestamp with time zone not null,
  attempts bigint not null,
  delivered bigint not null,
  dead bigint not null,
  retried bigint not null,
  tenant text collate "C" not null,
  latencies bigint[] not null,
  constraint stats_hours_pkey PRIMARY KEY (bucket, tenant, webhook_id, at)
) partition by RANGE (at);

create table posthorn.stats_minutes (
  bucket smallint default 0 not null,
  webhook_id bigint not null,
  at timestamp with time zone not null,
  attempts bigint not null,
  delivered bigint not null,
  dead bigint not null,
  retried bigint not null,
  tenant text collate "C" not null,
  latencies bigint[] not null,
  constraint stats_minutes_pkey PRIMARY KEY (bucket, tenant, webhook_id, at)
) partition by RANGE (at);

create table posthorn.webhook_changes (
  webhook_id bigint not null,
  change integer not null,
  tenant text collate "C" not null,
  version uuid not null,
  valid_from timestamp with time zone not null,
  valid_until timestamp with time zone,
  seen_until timestamp with time zone,
  made_by uuid,
  made_by_name text,
  is_deleted boolean not null,
  paused boolean not null,
  status text not null,
  health text not null,
  health_reason text,
  headers_set integer not null,
  events text[] not null,
  channels text[] not null,
  settings json not null,
  constraint webhook_changes_pkey PRIMARY KEY (webhook_id, change)
);
CREATE INDEX webhook_changes_over ON posthorn.webhook_changes USING btree (valid_until) WHERE (valid_until IS NOT NULL);
CREATE INDEX webhook_changes_unseen ON posthorn.webhook_changes USING btree (webhook_id) WHERE ((valid_until IS NOT NULL) AND (seen_until IS NULL));

create table posthorn.webhook_states (
  bucket smallint default 0 not null,
  proven boolean default false not null,
  hastens boolean default false not null,
  leaves boolean default false not null,
  webhook_id bigint not null,
  last_sequence bigint default 0 not null,
  not_before timestamp with time zone,
  next_send_at timestamp with time zone,
  version uuid,
  requeued_to uuid,
  cancels_before uuid,
  cancels_as text,
  tested_at timestamp with time zone[] default '{}'::timestamp with time zone[] not null,
  constraint webhook_states_pkey PRIMARY KEY (bucket, webhook_id)
) with (
  fillfactor=50,
  autovacuum_vacuum_scale_factor=0.02,
  autovacuum_vacuum_cost_delay=0
);
CREATE INDEX webhook_states_backing_off ON posthorn.webhook_states USING btree (bucket, not_before) WHERE (not_before IS NOT NULL);
CREATE INDEX webhook_states_requeue ON posthorn.webhook_states USING btree (bucket, webhook_id) WHERE (requeued_to IS NOT NULL);

create table posthorn.webhook_versions (
  webhook_id bigint not null,
  version uuid not null,
  tenant text collate "C" not null,
  url text not null,
  preset text not null,
  preset_settings jsonb,
  headers_masked json not null,
  valid_from timestamp with time zone not null,
  valid_until timestamp with time zone,
  constraint webhook_versions_pkey PRIMARY KEY (webhook_id, version)
);
CREATE INDEX webhook_versions_over ON posthorn.webhook_versions USING btree (valid_until) WHERE (valid_until IS NOT NULL);
CREATE INDEX webhook_versions_since ON posthorn.webhook_versions USING btree (webhook_id, valid_from);
CREATE UNIQUE INDEX webhook_versions_valid ON posthorn.webhook_versions USING btree (webhook_id) WHERE (valid_until IS NULL);

create table posthorn.webhooks (
  webhook_id bigint default (((('x'::text || "right"(replace((gen_random_uuid())::text, '-'::text, ''::text), 13)))::bit(52))::bigint + 1) not null,
  tenant text collate "C" not null,
  id uuid not null,
  version uuid default gen_random_uuid() not null,
  name text,
  status text not null,
  paused boolean default false not null,
  health text default 'ok'::text not null,
  health_reason text,
  announced_health text default 'ok'::text not null,
  announced_at timestamp with time zone,
  disabling_announced_at timestamp with time zone,
  dropping_announced_at timestamp with time zone,
  released_at timestamp with time zone,
  url text not null,
  preset text not null,
  preset_settings jsonb,
  events text[] not null,
  channels text[] not null,
  headers_sealed bytea,
  signature_key_sealed bytea,
  signature_key_version integer default 0 not null,
  previous_key_sealed bytea,
  previous_key_expires_at timestamp with time zone,
  retry_schedule_s integer[],
  timeout_ms integer,
  rate_limit_per_s double precision,
  delivery_order text default 'none'::text not null,
  external_id text collate "C",
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  deleted_at timestamp with time zone,
  constraint webhooks_check CHECK (((preset = 'custom'::text) = (preset_settings IS NOT NULL))),
  constraint webhooks_delivery_order_check CHECK ((delivery_order = ANY (ARRAY['none'::text, 'channel'::text, 'webhook'::text]))),
  constraint webhooks_health_check CHECK ((health = ANY (ARRAY['ok'::text, 'failing'::text, 'disabled'::text]))),
  constraint webhooks_pkey PRIMARY KEY (webhook_id),
  constraint webhooks_status_check CHECK ((status = ANY (ARRAY['Subscribed'::text, 'Unsubscribed'::text])))
);
CREATE INDEX webhooks_all ON posthorn.webhooks USING btree (created_at, webhook_id) WHERE (deleted_at IS NULL);
CREATE INDEX webhooks_deleted ON posthorn.webhooks USING btree (deleted_at) WHERE (deleted_at IS NOT NULL);
CREATE INDEX webhooks_ended ON posthorn.webhooks USING btree (webhook_id) WHERE ((status <> 'Subscribed'::text) OR (deleted_at IS NOT NULL));
CREATE UNIQUE INDEX webhooks_external_id ON posthorn.webhooks USING btree (tenant, external_id) WHERE ((external_id IS NOT NULL) AND (deleted_at IS NULL));
CREATE INDEX webhooks_gone ON posthorn.webhooks USING btree (tenant, created_at, webhook_id) WHERE (deleted_at IS NOT NULL);
CREATE UNIQUE INDEX webhooks_id ON posthorn.webhooks USING btree (id, tenant) WHERE (deleted_at IS NULL);
CREATE INDEX webhooks_list ON posthorn.webhooks USING btree (tenant, created_at, webhook_id) WHERE (deleted_at IS NULL);
CREATE INDEX webhooks_old_keys ON posthorn.webhooks USING btree (previous_key_expires_at) WHERE (previous_key_expires_at IS NOT NULL);
CREATE INDEX webhooks_ordered ON posthorn.webhooks USING btree (tenant, webhook_id) WHERE ((delivery_order <> 'none'::text) AND (status = 'Subscribed'::text) AND (deleted_at IS NULL));
CREATE INDEX webhooks_resting ON posthorn.webhooks USING btree (webhook_id) WHERE (paused OR (health = 'disabled'::text));
CREATE INDEX webhooks_to_announce ON posthorn.webhooks USING btree (webhook_id) WHERE ((health <> announced_health) OR (health = 'failing'::text));
CREATE INDEX webhooks_troubled ON posthorn.webhooks USING btree (tenant, webhook_id) WHERE ((deleted_at IS NULL) AND (paused OR (health <> 'ok'::text)));

create table posthorn.workers (
  worker bigint not null,
  rests boolean default false not null,
  pid integer not null,
  session uuid not null,
  backend_start timestamp with time zone not null,
  server_start timestamp with time zone not null,
  gone_at timestamp with time zone,
  constraint workers_pkey PRIMARY KEY (worker)
) with (
  fillfactor=50
);
CREATE INDEX workers_resting ON posthorn.workers USING btree (worker) WHERE rests;

create sequence posthorn.cancelled_cancelled;

create sequence posthorn.cancelled_deleted;

create sequence posthorn.cancelled_erased;

create sequence posthorn.cancelled_held_too_long;

create sequence posthorn.cancelled_unsubscribed;

create sequence posthorn.published_by_sql;

CREATE OR REPLACE FUNCTION posthorn.admit_types(tenant text, types text[], at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  unknown text[];
  -- Which may have been made a moment ago where the tenant lives: what this database has is a copy, some seconds old at most.
  hint text := '';
begin
  select array_agg(distinct wanted.name order by wanted.name) into unknown
  from unnest(types) as wanted (name)
  where not exists (
    select from posthorn.event_types as t
    where t.tenant in (admit_types.tenant, '*') and t.name = wanted.name
  );
  if unknown is null then
    return;
  end if;
  if (select value from posthorn.settings where name = 'unknown_types') = 'accept' then
    -- As many as event_types.create lets a tenant have: a program that puts ids into its types must not fill the table.
    if (select count(*) from (select from posthorn.event_types as t where t.tenant = admit_types.tenant limit 1000) as own)
      + array_length(unknown, 1) > 1000 then
      raise exception using errcode = 'PH404', column = 'type', message = format(
        'type: %s would be one of more than 1,000 event types of this tenant; use one of those that it has', unknown[1]);
    end if;
    insert into posthorn.event_types (tenant, name, created_at, updated_at)
    select admit_types.tenant, name, at, at from unnest(unknown) as name
    on conflict do nothing;
    return;
  end if;
  if not posthorn.lives_here(tenant) then
    hint := ', or, where that was done within the last seconds, publish again: the tenant lives in another cell, whose types are copied to this database';
  end if;
  raise exception using errcode = 'PH404', column = 'type',
    message = format('type: %s is not an event type of this tenant; create it with event_types.create%s', unknown[1], hint);
end
$function$;
revoke all on function posthorn.admit_types(text,text[],timestamp with time zone) from public;

CREATE OR REPLACE FUNCTION posthorn.advance_lanes(webhook bigint, after_lane bigint, lanes_max integer)
 RETURNS TABLE(advanced integer, last_lane bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
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
$function$;
revoke all on function posthorn.advance_lanes(bigint,bigint,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.allow_publish(role text, tenant text DEFAULT 'default'::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  publisher regrole := posthorn.publisher(role);
begin
  if not posthorn.is_tenant(tenant) and tenant is distinct from '*' then
    raise exception using errcode = 'PH400', column = 'tenant',
      message = 'tenant: 1 to 64 of a-z, 0-9, _ and -, or * for every tenant, are needed';
  end if;
  execute format('grant usage on schema posthorn to %I', role);
  execute format('grant execute on function %s to %I', posthorn.publish_functions(), role);
  insert into posthorn.publishers (role, tenant) values (publisher, tenant) on conflict do nothing;
end
$function$;
revoke all on function posthorn.allow_publish(text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.cancelled_as(reason text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  perform nextval(to_regclass('posthorn.cancelled_' || reason));
  return reason;
end
$function$;
revoke all on function posthorn.cancelled_as(text) from public;

CREATE OR REPLACE FUNCTION posthorn.check_event(tenant text, type text, payload text, channel text, "timestamp" timestamp with time zone, idempotency_key text, own boolean)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  if not posthorn.is_tenant(tenant) then
    raise exception using errcode = 'PH400', column = 'tenant',
      message = 'tenant: 1 to 64 of a-z, 0-9, _ and - are needed';
  end if;
  if type is null or length(type) > 200 or type !~ '^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$' then
    raise exception using errcode = 'PH400', column = 'type',
      message = 'type: words of letters, digits, _ and - joined by dots are needed, 200 characters at most';
  end if;
  if not own and posthorn.is_own_type(type) then
    raise exception using errcode = 'PH400', column = 'type',
      message = 'type: the prefixes webhook. and delivery. are kept for the service''s own events; choose another';
  end if;
  if payload is null then
    raise exception using errcode = 'PH400', column = 'payload',
      message = 'payload: a JSON value is needed, SQL null was found; for JSON null pass the text null';
  end if;
  if octet_length(payload) > 262144 then
    raise exception using errcode = 'PH400', column = 'payload',
      message = format('payload: at most 262144 bytes (256 KiB) of JSON are taken, %s were found', octet_length(payload));
  end if;
  if channel is not null and length(channel) not between 1 and 255 then
    raise exception using errcode = 'PH400', column = 'channel',
      message = format('channel: 1 to 255 characters are needed, %s were found; leave it out for none', length(channel));
  end if;
  if "timestamp" is not null
     and not "timestamp" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00' then
    raise exception using errcode = 'PH400', column = 'timestamp',
      message = 'timestamp: an instant of the years 1 to 9999 is needed';
  end if;
  if idempotency_key is not null and length(idempotency_key) not between 1 and 255 then
    raise exception using errcode = 'PH400', column = 'idempotency_key',
      message = format('idempotency_key: 1 to 255 characters are needed, %s were found', length(idempotency_key));
  end if;
end
$function$;
revoke all on function posthorn.check_event(text,text,text,text,timestamp with time zone,text,boolean) from public;

CREATE OR REPLACE FUNCTION posthorn.check_json(payload text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  perform payload::json;
  if posthorn.is_deeper(payload, 500) then
    raise exception using errcode = 'PH400', column = 'payload',
      message = 'payload: nested more than 500 levels deep; flatten it';
  end if;
exception
  when invalid_text_representation or untranslatable_character then
    raise exception using errcode = 'PH400', column = 'payload',
      message = format('payload: a JSON value is needed; %s', sqlerrm);
  when statement_too_complex then
    raise exception using errcode = 'PH400', column = 'payload',
      message = 'payload: nested more than 500 levels deep; flatten it';
end
$function$;
revoke all on function posthorn.check_json(text) from public;

CREATE OR REPLACE FUNCTION posthorn.check_publisher(tenant text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  caller text := coalesce(nullif(current_setting('role'), 'none'), session_user);
  owner oid := (select nspowner from pg_catalog.pg_namespace where nspname = 'posthorn');
begin
  if pg_has_role(caller, owner, 'member') then
    return;
  end if;
  -- A row whose role is gone lets nobody in.
  if not exists (
    select from posthorn.publishers as p
    join pg_catalog.pg_roles as r on r.oid = p.role
    where p.tenant in (check_publisher.tenant, '*') and pg_has_role(caller, r.oid, 'usage')
  ) then
    raise exception using errcode = '42501',
      message = format('role %s may not publish for tenant %s', caller, tenant),
      hint = format('the schema''s owner allows it by: select posthorn.allow_publish(%L, %L);', caller, tenant);
  end if;
end
$function$;
revoke all on function posthorn.check_publisher(text) from public;

CREATE OR REPLACE FUNCTION posthorn.disallow_publish(role text, tenant text DEFAULT 'default'::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  publisher regrole := posthorn.publisher(role);
begin
  delete from posthorn.publishers as p
  where p.role = publisher and disallow_publish.tenant in (p.tenant, '*');
  if not exists (select from posthorn.publishers as p where p.role = publisher) then
    execute format('revoke execute on function %s from %I', posthorn.publish_functions(), role);
    -- Who may also read, by the views, needs the schema for that.
    if not exists (
      select from pg_catalog.pg_class as c, aclexplode(c.relacl) as given
      where c.relnamespace = 'posthorn'::regnamespace and given.grantee = publisher
    ) then
      execute format('revoke usage on schema posthorn from %I', role);
    end if;
  end if;
end
$function$;
revoke all on function posthorn.disallow_publish(text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.enforced_types(tenant text, types text[])
 RETURNS text[]
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT ARRAY( SELECT t.name
            FROM posthorn.event_types t
           WHERE ((t.tenant = ANY (ARRAY[enforced_types.tenant, '*'::text])) AND (t.name = ANY (enforced_types.types)) AND t.enforce AND (t.schema IS NOT NULL) AND (NOT ((t.tenant = '*'::text) AND (EXISTS ( SELECT
                    FROM posthorn.event_types own
                   WHERE ((own.tenant = enforced_types.tenant) AND (own.name = t.name)))))))) AS "array";
END;
revoke all on function posthorn.enforced_types(text,text[]) from public;

CREATE OR REPLACE FUNCTION posthorn.expand(deliveries_max integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  -- One reading for ids and created_at, as a publish has.
  at timestamptz := clock_timestamp();
  head text := posthorn.uuid_v7_head(at);
  made integer := 0;
  taken posthorn.expansions;
  next_ids bigint[];
  is_erased boolean;
begin
  while made < deliveries_max loop
    select x.* into taken from posthorn.expansions as x
    where x.bucket = 0
    order by x.event_id limit 1 for update skip locked;
    exit when not found;
    next_ids := taken.webhook_ids[taken.done + 1 : taken.done + deliveries_max - made];
    -- Planned for this id: a plan for any would lock the partitions of all days.
    execute 'select not exists (
      select from posthorn.event_payloads as p where p.bucket = 0 and p.tenant = $1 and p.id = $2)'
    into is_erased using taken.tenant, taken.event_id;

    with target as materialized (
      select w.*, next.webhook_id, posthorn.uuid_v7_of(head, made + next.item::integer - 1, gen_random_uuid()) as id,
        not is_erased and coalesce(w.status = 'Subscribed' and w.deleted_at is null, false) as is_live
      from unnest(next_ids) with ordinality as next (webhook_id, item)
      left join lateral (
        select w.status, w.deleted_at, w.paused, w.health, w.delivery_order from posthorn.webhooks as w
        where w.webhook_id = next.webhook_id
        offset 0
      ) as w on true
    ),
    cancelled as (
      insert into posthorn.finished_deliveries
        (tenant, id, event_id, webhook_id, created_at, finished_at, cause, attempts_made, status, reason)
      select taken.tenant, id, taken.event_id, webhook_id, at, at, 'publish', 0, 'cancelled',
        posthorn.cancelled_as(case when is_erased then 'erased'
          when status = 'Unsubscribed' and deleted_at is null then 'unsubscribed' else 'deleted' end)
      from target where not is_live
    )
    insert into posthorn.deliveries
      (state, lane, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
    select posthorn.first_state(paused, health, delivery_order), posthorn.lane(delivery_order, taken.channel),
      taken.payload_bytes, id, taken.event_id, webhook_id, at, at, taken.tenant, 'publish'
    from target where is_live;

    made := made + cardinality(next_ids);
    taken.done := taken.done + cardinality(next_ids);
    if taken.done < cardinality(taken.webhook_ids) then
      update posthorn.expansions as x set done = taken.done where x.bucket = 0 and x.event_id = taken.event_id;
    else
      delete from posthorn.expansions as x where x.bucket = 0 and x.event_id = taken.event_id;
    end if;
  end loop;
  return made;
end
$function$;
revoke all on function posthorn.expand(integer) from public;

CREATE OR REPLACE FUNCTION posthorn.fan_out_max()
 RETURNS integer
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT 1000;
END;
revoke all on function posthorn.fan_out_max() from public;

CREATE OR REPLACE FUNCTION posthorn.fingerprint(type text, channel text, "timestamp" timestamp with time zone, payload text)
 RETURNS bytea
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT sha256(convert_to(concat(length(type), ':', type, length(channel), ':', channel, EXTRACT(epoch FROM "timestamp"), ':', payload), 'UTF8'::name)) AS sha256;
END;
revoke all on function posthorn.fingerprint(text,text,timestamp with time zone,text) from public;

CREATE OR REPLACE FUNCTION posthorn.first_state(paused boolean, health text, delivery_order text)
 RETURNS smallint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT (
         CASE
             WHEN (paused OR (health = 'disabled'::text)) THEN 2
             WHEN (delivery_order = 'none'::text) THEN 0
             ELSE 3
         END)::smallint AS int2;
END;
revoke all on function posthorn.first_state(boolean,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.grant_publishers()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  publisher name;
begin
  for publisher in
    select distinct r.rolname from posthorn.publishers as p join pg_catalog.pg_roles as r on r.oid = p.role
  loop
    execute format('grant execute on function %s to %I', posthorn.publish_functions(), publisher);
  end loop;
end
$function$;
revoke all on function posthorn.grant_publishers() from public;

CREATE OR REPLACE FUNCTION posthorn.has_misplaced(webhook bigint, delivery_order text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  return delivery_order is not null and (
    select d.lane from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 3 and d.webhook_id = webhook
      and d.lane >= case delivery_order when 'webhook' then 1 else 0 end
      and d.lane <= case delivery_order when 'channel' then 0 else 9007199254740991 end
    order by d.lane, d.id limit 1
  ) is not null;
end
$function$;
revoke all on function posthorn.has_misplaced(bigint,text) from public;

CREATE OR REPLACE FUNCTION posthorn.has_parked(webhook bigint)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  return (
    select d.due_at from posthorn.deliveries as d
    where d.bucket = 0 and d.state = 2 and d.webhook_id = webhook order by d.due_at, d.id limit 1
  ) is not null;
end
$function$;
revoke all on function posthorn.has_parked(bigint) from public;

CREATE OR REPLACE FUNCTION posthorn.insert_keys(tenant text, keys text[], ids uuid[], fingerprints bytea[], at timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  stored integer;
begin
  -- By what comes back: not every server that speaks our language counts rows that were met with a conflict alike.
  with inserted as (
    insert into posthorn.idempotency_keys (tenant, key, event_id, fingerprint, created_at)
    select distinct on (u.key collate "C") insert_keys.tenant, u.key, u.id, u.fingerprint, at
    from unnest(keys, ids, fingerprints) with ordinality as u (key, id, fingerprint, item)
    where u.key is not null
    order by u.key collate "C", u.item
    on conflict do nothing
    returning key
  )
  select count(*) into stored from inserted;
  return stored;
end
$function$;
revoke all on function posthorn.insert_keys(text,text[],uuid[],bytea[],timestamp with time zone) from public;

CREATE OR REPLACE FUNCTION posthorn.is_deeper(payload text, most integer)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE
BEGIN ATOMIC
 SELECT ((octet_length(payload) > (2 * most)) AND ((octet_length(payload) - octet_length(replace(replace(payload, '['::text, ''::text), '{'::text, ''::text))) > most) AND posthorn.nests_deeper(payload, most));
END;
revoke all on function posthorn.is_deeper(text,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.is_in_bounds(payload text, channel text, "timestamp" timestamp with time zone, idempotency_key text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT (((octet_length(payload) <= 262144) IS TRUE) AND (((length(channel) >= 1) AND (length(channel) <= 255)) IS NOT FALSE) AND ((("timestamp" >= '0001-01-01 00:00:00+00'::timestamp with time zone) AND ("timestamp" <= '9999-12-31 23:59:59.999999+00'::timestamp with time zone)) IS NOT FALSE) AND (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255)) IS NOT FALSE));
END;
revoke all on function posthorn.is_in_bounds(text,text,timestamp with time zone,text) from public;

CREATE OR REPLACE FUNCTION posthorn.is_own_type(type text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT (starts_with(type, 'webhook.'::text) OR starts_with(type, 'delivery.'::text));
END;
revoke all on function posthorn.is_own_type(text) from public;

CREATE OR REPLACE FUNCTION posthorn.is_tenant(name text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT ((name ~ '^[a-z0-9_-]{1,64}$'::text) IS TRUE);
END;
revoke all on function posthorn.is_tenant(text) from public;

CREATE OR REPLACE FUNCTION posthorn.keep_change(webhook_id bigint, made_by uuid, made_by_name text, headers_kept boolean DEFAULT true)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  at timestamptz := clock_timestamp();
  before posthorn.webhook_changes;
begin
  select c.* into before from posthorn.webhook_changes as c
  where c.webhook_id = keep_change.webhook_id order by c.change desc limit 1;
  -- A receiver that fails and recovers all day leaves a thousand rows a day: then the last is said anew.
  if made_by_name is null and keep_change.made_by is null and before.made_by_name is null and exists (
    select from posthorn.webhook_changes as c
    where c.webhook_id = keep_change.webhook_id and c.change = before.change - 999 and c.valid_from > at - interval '1 day'
  ) then
    update posthorn.webhook_changes as c set health = w.health, health_reason = w.health_reason
    from posthorn.webhooks as w
    where c.webhook_id = keep_change.webhook_id and c.change = before.change and w.webhook_id = keep_change.webhook_id;
    return;
  end if;
  -- A clock may be set back; what came later stays later.
  at := greatest(at, before.valid_from);
  update posthorn.webhook_changes as c set valid_until = at
  where c.webhook_id = keep_change.webhook_id and c.change = before.change;
  insert into posthorn.webhook_changes (
    webhook_id, change, tenant, version, valid_from, made_by, made_by_name, is_deleted, paused, status, health, health_reason,
    headers_set, events, channels, settings
  )
  select w.webhook_id, coalesce(before.change, 0) + 1, w.tenant, w.version, at, keep_change.made_by,
    coalesce((select k.name from posthorn.keys as k where k.id = keep_change.made_by), keep_change.made_by_name),
    w.deleted_at is not null, w.paused, w.status, w.health, w.health_reason,
    case when headers_kept then coalesce(before.headers_set, 1) else coalesce(before.change, 0) + 1 end, w.events, w.channels,
    json_build_object(
      'name', w.name, 'key_version', w.signature_key_version, 'retry_schedule_s', w.retry_schedule_s,
      'timeout_ms', w.timeout_ms, 'rate_limit_per_s', w.rate_limit_per_s, 'order', w.delivery_order,
      'external_id', w.external_id, 'metadata', w.metadata
    )
  from posthorn.webhooks as w where w.webhook_id = keep_change.webhook_id;
end
$function$;
revoke all on function posthorn.keep_change(bigint,uuid,text,boolean) from public;

CREATE OR REPLACE FUNCTION posthorn.lane(delivery_order text, channel text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT
         CASE delivery_order
             WHEN 'webhook'::text THEN (0)::bigint
             WHEN 'channel'::text THEN COALESCE(((hashtextextended(channel, (0)::bigint) & '4503599627370495'::bigint) + 2), (1)::bigint)
             ELSE NULL::bigint
         END AS "case";
END;
revoke all on function posthorn.lane(text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.lives_here(tenant text)
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  return coalesce(
    (select case when p.moving_to is null then p.cell else '' end from posthorn.placements as p where p.tenant = lives_here.tenant),
    (select p.cell from posthorn.placements as p where p.tenant = '*'),
    'home'
  ) = coalesce((select s.value from posthorn.settings as s where s.name = 'cell'), 'home');
end
$function$;
revoke all on function posthorn.lives_here(text) from public;

CREATE OR REPLACE FUNCTION posthorn.lowest_of_millisecond(id uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
BEGIN ATOMIC
 SELECT (rpad("left"(replace((id)::text, '-'::text, ''::text), 12), 32, '0'::text))::uuid AS rpad;
END;
revoke all on function posthorn.lowest_of_millisecond(uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.lowest_uuid_at(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
BEGIN ATOMIC
 SELECT ((lpad(to_hex((floor((EXTRACT(epoch FROM at) * (1000)::numeric)))::bigint), 12, '0'::text) || '00000000000000000000'::text))::uuid AS uuid;
END;
revoke all on function posthorn.lowest_uuid_at(timestamp with time zone) from public;

CREATE OR REPLACE FUNCTION posthorn.nests_deeper(payload text, most integer)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE STRICT
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  brackets text := payload;
begin
  brackets := regexp_replace(brackets, E'"(\\\\.|[^"\\\\])*"', '', 'g');
  brackets := regexp_replace(brackets, '[^][{}]', '', 'g');
  for level in 1 .. most loop
    exit when brackets = '';
    brackets := replace(replace(brackets, '[]', ' '), '{}', ' ');
    brackets := replace(brackets, ' ', '');
  end loop;
  return brackets <> '';
end
$function$;
revoke all on function posthorn.nests_deeper(text,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.next_attempt_at(state smallint, due_at timestamp with time zone, locked_until timestamp with time zone, is_paused boolean, health text, not_before timestamp with time zone)
 RETURNS timestamp with time zone
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT
         CASE
             WHEN ((state IS NULL) OR ((is_paused OR (health = 'disabled'::text)) AND ((locked_until > now()) IS NOT TRUE))) THEN NULL::timestamp with time zone
             ELSE GREATEST(
             CASE state
                 WHEN 1 THEN due_at
                 WHEN 2 THEN now()
                 ELSE LEAST(due_at, now())
             END,
             CASE
                 WHEN (not_before > now()) THEN not_before
                 ELSE NULL::timestamp with time zone
             END)
         END AS "greatest";
END;
grant execute on function posthorn.next_attempt_at(smallint,timestamp with time zone,timestamp with time zone,boolean,text,timestamp with time zone) to public;

CREATE OR REPLACE FUNCTION posthorn.ordered_webhooks(tenant text, webhook_ids bigint[])
 RETURNS bigint[]
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  return array(
    select w.webhook_id from posthorn.webhooks as w
    where w.tenant = ordered_webhooks.tenant and w.delivery_order <> 'none'
      and w.status = 'Subscribed' and w.deleted_at is null
    intersect select unnest(webhook_ids)
  );
end
$function$;
revoke all on function posthorn.ordered_webhooks(text,bigint[]) from public;

CREATE OR REPLACE FUNCTION posthorn.public_id(prefix text, id uuid)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
BEGIN ATOMIC
 SELECT ((prefix || '_'::text) || replace((id)::text, '-'::text, ''::text));
END;
grant execute on function posthorn.public_id(text,uuid) to public;

CREATE OR REPLACE FUNCTION posthorn.publish(type text, payload json, channel text DEFAULT NULL::text, tenant text DEFAULT 'default'::text, "timestamp" timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE sql
 SECURITY DEFINER
BEGIN ATOMIC
 SELECT posthorn.publish(type, (payload)::text, channel, tenant, "timestamp", idempotency_key, traceparent) AS publish;
END;
revoke all on function posthorn.publish(text,json,text,text,timestamp with time zone,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.publish(type text, payload jsonb, channel text DEFAULT NULL::text, tenant text DEFAULT 'default'::text, "timestamp" timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE sql
 SECURITY DEFINER
BEGIN ATOMIC
 SELECT posthorn.publish(type, (payload)::text, channel, tenant, "timestamp", idempotency_key, traceparent) AS publish;
END;
revoke all on function posthorn.publish(text,jsonb,text,text,timestamp with time zone,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.publish(type text, payload text, channel text DEFAULT NULL::text, tenant text DEFAULT 'default'::text, "timestamp" timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text, traceparent text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_variable
declare
  at timestamptz := clock_timestamp();
  head text := posthorn.uuid_v7_head(at);
  event_id uuid := posthorn.uuid_v7_of(head, 0, gen_random_uuid());
  webhook_ids bigint[]; -- null: not usual
  is_enforced boolean;
  is_awaited boolean;
begin
  if not pg_has_role(coalesce(nullif(current_setting('role'), 'none'), session_user), current_user, 'member') then
    perform posthorn.check_publisher(tenant);
  end if;

  -- `offset 0` keeps the order out of the look: where few tenants have many routes each, walking all routes by webhook until there are
  -- enough would seem cheap, and a tenant that has few would walk those of all the others.
  select array(
    select distinct route.webhook_id from (
      select r.webhook_id from posthorn.routes as r
      where r.tenant = tenant and r.type_pattern = any (posthorn.type_patterns(type))
        and r.channel = any (array['', coalesce(channel, '')])
      offset 0
    ) as route
    order by route.webhook_id limit posthorn.fan_out_max() + 1
  ), known.enforce and known.schema is not null, exists (select from posthorn.workers as w where w.rests)
  into webhook_ids, is_enforced, is_awaited
  from (
    select t.enforce, t.schema from posthorn.event_types as t
    where t.tenant = any (array[tenant, '*']) and t.name = type
    order by t.tenant = '*' limit 1
  ) as known
  where posthorn.is_tenant(tenant)
    and not posthorn.is_own_type(type)
    and posthorn.is_in_bounds(payload, channel, "timestamp", idempotency_key);
  -- A tenant that lives in another cell has no routes here, so nobody else pays for the look.
  if cardinality(webhook_ids) = 0 and not posthorn.lives_here(tenant) then
    webhook_ids := null;
  end if;
  if cardinality(webhook_ids) > posthorn.fan_out_max() then
    webhook_ids := null;
  end if;
  if webhook_ids is not null then
    perform posthorn.check_json(payload);
    if idempotency_key is not null then
      insert into posthorn.idempotency_keys (tenant, key, event_id, fingerprint, created_at)
      values (tenant, idempotency_key, event_id, posthorn.fingerprint(type, channel, "timestamp", payload), at)
      on conflict do nothing;
      if not found then
        webhook_ids := null;
      end if;
    end if;
  end if;
  if webhook_ids is null then
    perform posthorn.wake_workers();
    return (
      select case when s.duplicate or nextval('posthorn.published_by_sql') > 0 then posthorn.public_id('evt', s.event_id) end
      from posthorn.store_events(
        tenant, array[type], array[payload], array[channel], array["timestamp"], array[idempotency_key], false,
        traceparents => array[traceparent]
      ) as s
    );
  end if;

  insert into posthorn.events
    (tenant, id, type, channel, "timestamp", created_at, matched, schema_checked, idempotency_key, traceparent)
  values (
    tenant, event_id, type, channel, coalesce("timestamp", at), at, cardinality(webhook_ids), not is_enforced, idempotency_key,
    posthorn.trace_parent(traceparent)
  );
  insert into posthorn.event_payloads (tenant, id, payload) values (tenant, event_id, payload);
  if cardinality(webhook_ids) > 0 then
    insert into posthorn.deliveries
      (state, lane, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
    select posthorn.first_state(w.paused, w.health, w.delivery_order), posthorn.lane(w.delivery_order, channel),
      octet_length(payload), posthorn.uuid_v7_of(head, 0, gen_random_uuid()), event_id, w.webhook_id, at, at, tenant, 'publish'
    from posthorn.webhooks as w where w.webhook_id = any (webhook_ids);
    if is_awaited then
      perform posthorn.wake_workers();
    end if;
  end if;
  perform nextval('posthorn.published_by_sql');
  return posthorn.public_id('evt', event_id);
end
$function$;
revoke all on function posthorn.publish(text,text,text,text,timestamp with time zone,text,text) from public;

CREATE OR REPLACE FUNCTION posthorn.publish_functions()
 RETURNS text
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT string_agg(((p.oid)::regprocedure)::text, ', '::text) AS string_agg
    FROM pg_proc p
   WHERE ((p.pronamespace = ('posthorn'::regnamespace)::oid) AND (p.proname = 'publish'::name));
END;
revoke all on function posthorn.publish_functions() from public;

CREATE OR REPLACE FUNCTION posthorn.publisher(role text)
 RETURNS regrole
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  if role = 'public' then
    raise exception using errcode = 'PH400', column = 'role',
      message = 'role: public is everybody; name each role, or one that they are members of';
  end if;
  if to_regrole(quote_ident(role)) is null then
    raise exception using errcode = 'PH400', column = 'role',
      message = format('role: there is no role %s; create it first', quote_nullable(role));
  end if;
  return to_regrole(quote_ident(role));
end
$function$;
revoke all on function posthorn.publisher(text) from public;

CREATE OR REPLACE FUNCTION posthorn.remember_keys(tenant text, keys text[], ids uuid[], types text[], channels text[], timestamps timestamp with time zone[], payloads text[], at timestamp with time zone)
 RETURNS TABLE(item integer, event_id uuid)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  fingerprints bytea[] := array(
    select posthorn.fingerprint(u.type, u.channel, u."timestamp", u.payload)
    from unnest(types, channels, timestamps, payloads) with ordinality as u (type, channel, "timestamp", payload, item)
    order by u.item
  );
  given integer := cardinality(array_remove(keys, null));
  stored integer := posthorn.insert_keys(tenant, keys, ids, fingerprints, at);
  remembered interval;
  conflict text;
begin
  -- Most keys are new, and then there is no more to do.
  if stored = given then
    return;
  end if;

  remembered := make_interval(hours => coalesce(
    (select value::integer from posthorn.settings where name = 'idempotency_h'), 72));
  delete from posthorn.idempotency_keys as k
  where k.tenant = remember_keys.tenant and k.key = any (keys) and k.created_at < at - remembered;
  if found then
    perform posthorn.insert_keys(tenant, keys, ids, fingerprints, at);
  end if;

  -- A statement of its own: its snapshot sees what the insert waited for.
  select u.key into conflict
  from unnest(keys, fingerprints) as u (key, fingerprint)
  join posthorn.idempotency_keys as k on k.tenant = remember_keys.tenant and k.key = u.key
  where k.fingerprint <> u.fingerprint
  limit 1;
  if conflict is not null then
    raise exception using errcode = 'PH409', column = 'idempotency_key',
      message = 'idempotency_key: already used for an event with another type, channel, timestamp or payload; '
        'use a new key for a new event';
  end if;

  return query
    select u.item::integer, k.event_id
    from unnest(keys, ids) with ordinality as u (key, id, item)
    join posthorn.idempotency_keys as k on k.tenant = remember_keys.tenant and k.key = u.key
    where k.event_id <> u.id;
end
$function$;
revoke all on function posthorn.remember_keys(text,text[],uuid[],text[],text[],timestamp with time zone[],text[],timestamp with time zone) from public;

CREATE OR REPLACE FUNCTION posthorn.requeue(webhooks bigint[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  update posthorn.webhook_states as s set requeued_to = '00000000-0000-0000-0000-000000000000'
  from (
    select l.bucket, l.webhook_id from posthorn.webhook_states as l
    where l.bucket = 0 and l.webhook_id = any (webhooks) and l.requeued_to is null
    for update skip locked
  ) as free
  where s.bucket = free.bucket and s.webhook_id = free.webhook_id;
end
$function$;
revoke all on function posthorn.requeue(bigint[]) from public;

CREATE OR REPLACE FUNCTION posthorn.requeue_rows(webhook bigint, rows_max integer)
 RETURNS TABLE(moved integer, goes_on boolean)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
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
$function$;
revoke all on function posthorn.requeue_rows(bigint,integer) from public;

CREATE OR REPLACE FUNCTION posthorn.stay(tenant text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  perform from posthorn.placements as p where p.tenant = stay.tenant for share;
  if not posthorn.lives_here(tenant) then -- a statement of its own: it sees what the lock was waited for
    raise exception using errcode = 'PH503', message = format('the tenant %s is being moved to another cell', tenant);
  end if;
end
$function$;
revoke all on function posthorn.stay(text) from public;

CREATE OR REPLACE FUNCTION posthorn.store_events(tenant text, types text[], payloads text[], channels text[], timestamps timestamp with time zone[], idempotency_keys text[], schema_checked boolean, own boolean DEFAULT false, traceparents text[] DEFAULT NULL::text[], own_ids uuid[] DEFAULT NULL::uuid[], own_times timestamp with time zone[] DEFAULT NULL::timestamp with time zone[], again boolean DEFAULT false, api_keys uuid[] DEFAULT NULL::uuid[], forwarded boolean[] DEFAULT NULL::boolean[])
 RETURNS TABLE(event_id uuid, matched integer, duplicate boolean, created_at timestamp with time zone)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
 SET plan_cache_mode TO 'force_generic_plan'
 SET enable_seqscan TO 'off'
 SET jit TO 'off'
AS $function$
#variable_conflict use_column
declare
  -- One reading, in a variable: ids, created_at and due_at agree, and no statement calls a clock. No delivery is older than its event.
  at timestamptz := greatest(clock_timestamp(), own_times[cardinality(own_times)]);
  head text := posthorn.uuid_v7_head(at);
  known text[] := array(
    select t.name from posthorn.event_types as t
    where t.tenant = any (array[store_events.tenant, '*']) and t.name = any (types)
  );
  enforced text[] := case when schema_checked then '{}' else posthorn.enforced_types(tenant, types) end;
  are_fine boolean := not own and posthorn.is_tenant(tenant);
  is_here boolean := not exists (select from posthorn.placements) or posthorn.lives_here(tenant);
  ids uuid[];
  -- Filled, since an empty one would begin at the first item that is set, and unnest() beside the others is by place.
  counts integer[] := array_fill(null::integer, array[cardinality(types)]);
  has_keys boolean := false;
  kept record;
begin
  if again and is_here then
    -- One that is still running is waited for, by the payload that it inserts first.
    insert into posthorn.event_payloads (tenant, id, payload)
    select store_events.tenant, u.id, u.payload
    from unnest(own_ids, payloads) as u (id, payload)
    where not exists (
      select from posthorn.events as e where e.bucket = 0 and e.tenant = store_events.tenant and e.id = u.id
    )
    on conflict do nothing;
    for kept in
      select u.item::integer, e.matched
      from unnest(own_ids) with ordinality as u (id, item)
      cross join lateral (
        select e.matched from posthorn.events as e
        where e.bucket = 0 and e.tenant = store_events.tenant and e.id = u.id
        offset 0
      ) as e
    loop
      counts[kept.item] := -2 - kept.matched;
      idempotency_keys[kept.item] := null;
    end loop;
    if array_position(counts, null) is null then
      return query select u.id, -2 - u.count, false, u.at from unnest(own_ids, counts, own_times) as u (id, count, at);
      return;
    end if;
  elsif not again and abs(extract(epoch from statement_timestamp() - own_times[1])) > 10 then
    raise exception using errcode = 'PH425', message = 'the ids are not of this time';
  end if;
  for i in 1 .. coalesce(cardinality(api_keys), 0) loop
    perform from posthorn.keys as k
    where k.id = api_keys[i] and k.revoked_at is null and (k.expires_at is null or k.expires_at > at);
    if not found then
      raise exception using errcode = case when is_here then 'PH401' else 'PH503' end, message = 'an API key is not valid';
    end if;
  end loop;
  if schema_checked is null and enforced <> '{}' then
    raise exception using errcode = 'PH412', column = 'payload',
      message = format('payload: has to be judged by the schema of %s first', enforced[1]);
  end if;
  -- By what is quick to ask; where the answer is no, the long way says what is wrong. A known type's name needs no look.
  for i in 1 .. cardinality(types) loop
    are_fine := are_fine and (types[i] = any (known)) is true and not posthorn.is_own_type(types[i])
      and posthorn.is_in_bounds(payloads[i], channels[i], timestamps[i], idempotency_keys[i]);
    ids[i] := coalesce(own_ids[i], posthorn.uuid_v7_of(head, i - 1, gen_random_uuid()));
    has_keys := has_keys or idempotency_keys[i] is not null;
  end loop;
  if forwarded is not null then -- it was looked at where it was published
    are_fine := true;
  end if;
  if not are_fine or not schema_checked then
    for i in 1 .. cardinality(types) loop
      if not are_fine then
        perform posthorn.check_event(
          tenant, types[i], payloads[i], channels[i], timestamps[i], idempotency_keys[i], own);
      end if;
      if not schema_checked then
        perform posthorn.check_json(payloads[i]);
      end if;
    end loop;
    if not are_fine and not own then
      perform posthorn.admit_types(tenant, types, at);
    end if;
  end if;

  if has_keys then
    for kept in
      select k.item, k.event_id
      from posthorn.remember_keys(tenant, idempotency_keys, ids, types, channels, timestamps, payloads, at) as k
    loop
      ids[kept.item] := kept.event_id;
      counts[kept.item] := -1;
    end loop;
    if again then
      -- Of one whose key another event has by now nothing stays: no erasure would find its payload.
      delete from posthorn.event_payloads as p using unnest(own_ids, counts) as u (id, count)
      where u.count = -1 and p.bucket = 0 and p.tenant = store_events.tenant and p.id = u.id;
    end if;
  end if;

  if not is_here then
    insert into posthorn.forwards
      (tenant, id, type, channel, "timestamp", created_at, schema_checked, idempotency_key, traceparent, payload)
    select store_events.tenant, u.id, u.type, u.channel, u."timestamp", coalesce(u.own_time, at),
      coalesce(u.checked, store_events.schema_checked, false), u.idempotency_key, posthorn.trace_parent(u.traceparent), u.payload
    from unnest(ids, types, channels, timestamps, counts, idempotency_keys, traceparents, own_times, payloads, forwarded)
      as u (id, type, channel, "timestamp", count, idempotency_key, traceparent, own_time, payload, checked)
    where u.count is null
    on conflict do nothing;
    return query
      select u.id, 0, u.count is not null, coalesce(u.own_time, at) from unnest(ids, counts, own_times) as u (id, count, own_time);
    return;
  end if;

  insert into posthorn.event_payloads (tenant, id, payload)
  select store_events.tenant, u.id, u.payload
  from unnest(ids, payloads, counts) as u (id, payload, count)
  where u.count is null and not again;

  for kept in
    with alike as ( -- these go to the same webhooks, which are looked for once
      select u.type, u.channel, array_agg(u.id) as ids, array_agg(u.item::integer) as items,
        array_agg(octet_length(u.payload)) as bytes
      from unnest(ids, types, channels, payloads, counts) with ordinality as u (id, type, channel, payload, count, item)
      where u.count is null
      group by u.type, u.channel
    ),
    met as materialized (
      select alike.*, array(
        select distinct route.webhook_id from (
          select r.webhook_id from posthorn.routes as r
          where r.tenant = store_events.tenant
            and r.type_pattern = any (posthorn.type_patterns(alike.type))
            and r.channel = any (array['', coalesce(alike.channel, '')])
          offset 0
        ) as route
        order by route.webhook_id
      ) as webhook_ids
      from alike
    ),
    split as materialized (
      select met.*, case
        when cardinality(met.webhook_ids) <= case
          when sum(cardinality(met.webhook_ids) * cardinality(met.ids)) over () <= 20 * posthorn.fan_out_max()
          then posthorn.fan_out_max() else posthorn.fan_out_max() / 50
        end then met.webhook_ids
        else posthorn.ordered_webhooks(store_events.tenant, met.webhook_ids)
      end as direct_ids
      from met
    ),
    fan_out as (
      insert into posthorn.deliveries
        (state, lane, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
      select posthorn.first_state(w.paused, w.health, w.delivery_order), posthorn.lane(w.delivery_order, split.channel),
        e.bytes, posthorn.uuid_v7_of(head, e.item - 1, gen_random_uuid()), e.id, w.webhook_id, at, at,
        store_events.tenant, 'publish'
      from split
      cross join lateral unnest(split.ids, split.items, split.bytes) as e (id, item, bytes)
      cross join lateral unnest(split.direct_ids) as direct (webhook_id)
      cross join lateral (
        select w.webhook_id, w.paused, w.health, w.delivery_order from posthorn.webhooks as w
        where w.webhook_id = direct.webhook_id
        offset 0
      ) as w
    )
    select * from split
  loop
    if cardinality(kept.direct_ids) < cardinality(kept.webhook_ids) then
      insert into posthorn.expansions (payload_bytes, event_id, created_at, tenant, channel, webhook_ids)
      select e.bytes, e.id, at, store_events.tenant, kept.channel,
        case when kept.direct_ids = '{}' then kept.webhook_ids
        else array(select unnest(kept.webhook_ids) except select unnest(kept.direct_ids) order by 1) end
      from unnest(kept.ids, kept.bytes) as e (id, bytes);
    end if;
    for i in 1 .. cardinality(kept.items) loop
      counts[kept.items[i]] := cardinality(kept.webhook_ids);
    end loop;
  end loop;

  insert into posthorn.events
    (tenant, id, type, channel, "timestamp", created_at, matched, schema_checked, idempotency_key, traceparent)
  select store_events.tenant, u.id, u.type, u.channel, coalesce(u."timestamp", u.own_time, at), coalesce(u.own_time, at), u.count,
    coalesce(u.checked, u.type <> all (enforced)), u.idempotency_key, posthorn.trace_parent(u.traceparent)
  from unnest(ids, types, channels, timestamps, counts, idempotency_keys, traceparents, own_times, forwarded)
    as u (id, type, channel, "timestamp", count, idempotency_key, traceparent, own_time, checked)
  where u.count >= 0;

  for i in 1 .. cardinality(types) loop
    event_id := ids[i];
    matched := case when counts[i] <= -2 then -2 - counts[i] else greatest(counts[i], 0) end;
    duplicate := counts[i] = -1;
    created_at := coalesce(own_times[i], at);
    return next;
  end loop;
end
$function$;
revoke all on function posthorn.store_events(text,text[],text[],text[],timestamp with time zone[],text[],boolean,boolean,text[],uuid[],timestamp with time zone[],boolean,uuid[],boolean[]) from public;

CREATE OR REPLACE FUNCTION posthorn.store_forwarded(tenant text, batch json)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  f record;
  enforced text[];
begin
  select array_agg(e.id order by e.id) as ids, array_agg(e.created_at order by e.id) as created_ats,
    array_agg(e.type order by e.id) as types, array_agg(e.payload order by e.id) as payloads,
    array_agg(e.channel order by e.id) as channels, array_agg(e."timestamp" order by e.id) as timestamps,
    array_agg(e.idempotency_key order by e.id) as idempotency_keys, array_agg(e.traceparent order by e.id) as traceparents,
    array_agg(e.schema_checked order by e.id) as schema_checked
  into f
  from json_populate_recordset(null::posthorn.forwards, batch) as e;
  begin
    perform posthorn.admit_types(tenant, f.types, clock_timestamp());
  exception
    when sqlstate 'PH404' then null;
  end;
  enforced := posthorn.enforced_types(tenant, f.types);
  perform posthorn.store_events(
    tenant, f.types, f.payloads, f.channels, f.timestamps, f.idempotency_keys, true, true, f.traceparents,
    own_ids => f.ids, own_times => f.created_ats, again => true, forwarded => array(
      select u.checked or u.type <> all (enforced)
      from unnest(f.schema_checked, f.types) with ordinality as u (checked, type, item) order by u.item
    )
  );
  perform posthorn.wake_workers();
end
$function$;
revoke all on function posthorn.store_forwarded(text,json) from public;

CREATE OR REPLACE FUNCTION posthorn.tallies()
 RETURNS TABLE(name text, count bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
BEGIN ATOMIC
 SELECT (s.sequencename)::text AS sequencename,
     COALESCE(s.last_value, (0)::bigint) AS "coalesce"
    FROM pg_sequences s
   WHERE (s.schemaname = 'posthorn'::name);
END;
revoke all on function posthorn.tallies() from public;

CREATE OR REPLACE FUNCTION posthorn.trace_parent(given text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
begin
  if given ~ '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$'
    and (length(given) = 55 or left(given, 2) <> '00') then
    return '00' || substr(given, 3, 53);
  end if;
  return null;
end
$function$;
revoke all on function posthorn.trace_parent(text) from public;

CREATE OR REPLACE FUNCTION posthorn.type_patterns(type text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  patterns text[] := case when posthorn.is_own_type(type) then '{}' else '{*}' end;
begin
  for i in 1 .. length(type) loop
    if substr(type, i, 1) = '.' then
      patterns := patterns || (left(type, i) || '*');
    end if;
  end loop;
  return patterns || type;
end
$function$;
revoke all on function posthorn.type_patterns(text) from public;

CREATE OR REPLACE FUNCTION posthorn.uuid_v7(at timestamp with time zone, item integer, seed uuid DEFAULT gen_random_uuid())
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE STRICT
BEGIN ATOMIC
 SELECT posthorn.uuid_v7_of(posthorn.uuid_v7_head(at), item, seed) AS uuid_v7_of;
END;
revoke all on function posthorn.uuid_v7(timestamp with time zone,integer,uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.uuid_v7_head(at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT (((lpad(to_hex((((EXTRACT(epoch FROM at) * (1000000)::numeric))::bigint / 1000)), 12, '0'::text) || '7'::text) || lpad(to_hex((((((EXTRACT(epoch FROM at) * (1000000)::numeric))::bigint % (1000)::bigint) * 4096) / 1000)), 3, '0'::text)) || '8'::text);
END;
revoke all on function posthorn.uuid_v7_head(timestamp with time zone) from public;

CREATE OR REPLACE FUNCTION posthorn.uuid_v7_of(head text, item integer, seed uuid)
 RETURNS uuid
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
 SELECT (((head || lpad(to_hex(item), 3, '0'::text)) || "right"((seed)::text, 12)))::uuid AS uuid;
END;
revoke all on function posthorn.uuid_v7_of(text,integer,uuid) from public;

CREATE OR REPLACE FUNCTION posthorn.waiting_for(state smallint, locked_until timestamp with time zone, is_paused boolean, health text, next_send_at timestamp with time zone, not_before timestamp with time zone, first_until timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE
BEGIN ATOMIC
 SELECT
         CASE
             WHEN ((state IS NULL) OR (locked_until > now())) THEN NULL::text
             WHEN is_paused THEN 'paused'::text
             WHEN (health = 'disabled'::text) THEN 'disabled'::text
             WHEN (state = 3) THEN 'order'::text
             WHEN ((state = 1) OR (not_before > now())) THEN 'retry'::text
             WHEN ((state = 0) AND (next_send_at > now())) THEN 'rate'::text
             WHEN ((state = 0) AND (first_until > now())) THEN 'cap'::text
             ELSE NULL::text
         END AS "case";
END;
grant execute on function posthorn.waiting_for(smallint,timestamp with time zone,boolean,text,timestamp with time zone,timestamp with time zone,timestamp with time zone) to public;

CREATE OR REPLACE FUNCTION posthorn.wake_workers()
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'posthorn', 'pg_temp'
AS $function$
declare
  setting text := (select s.value from posthorn.settings as s where s.name = 'notify');
begin
  if setting = 'off' or setting is distinct from 'on' and current_setting('max_prepared_transactions')::integer > 0 then
    return false;
  end if;
  if exists (
    select from posthorn.workers as w where w.rests and exists (
      select from pg_stat_get_activity(w.pid) as a where (a.backend_start = w.backend_start) is not false
    )
  ) and pg_notification_queue_usage() <= 0.5 then
    perform pg_notify('posthorn', '');
    return true;
  end if;
  return false;
end
$function$;
revoke all on function posthorn.wake_workers() from public;

create view posthorn.all_deliveries as
 SELECT true AS is_pending,
    d.bucket,
    d.tenant,
    d.id,
    d.event_id,
    d.webhook_id,
    d.cause,
    'pending'::text AS status,
    d.attempts_made,
    d.sequence,
    d.created_at,
    NULL::timestamp with time zone AS finished_at,
    NULL::text AS reason,
    d.last_at,
    d.last_status,
    d.last_reason,
    d.last_duration_ms,
    d.state,
    d.due_at,
    d.locked_until
   FROM posthorn.deliveries d
  WHERE ((d.webhook_id > 0) AND (d.event_id > '00000000-0000-0000-0000-000000000000'::uuid))
UNION ALL
 SELECT false AS is_pending,
    f.bucket,
    f.tenant,
    f.id,
    f.event_id,
    f.webhook_id,
    f.cause,
    f.status,
    f.attempts_made,
    f.sequence,
    f.created_at,
    f.finished_at,
    f.reason,
    f.last_at,
    f.last_status,
    f.last_reason,
    f.last_duration_ms,
    NULL::smallint AS state,
    NULL::timestamp with time zone AS due_at,
    NULL::timestamp with time zone AS locked_until
   FROM posthorn.finished_deliveries f;

create view posthorn.v_events as
 SELECT posthorn.public_id('evt'::text, e.id) AS id,
    e.tenant,
    e.type,
    e.channel,
    e."timestamp",
    p.payload,
    e.created_at,
    e.idempotency_key,
    e.matched,
    e.traceparent
   FROM (posthorn.events e
     LEFT JOIN posthorn.event_payloads p ON (((p.bucket = e.bucket) AND (p.tenant = e.tenant) AND (p.id = e.id))));

create view posthorn.v_deliveries as
 SELECT posthorn.public_id('dlv'::text, d.id) AS id,
    d.tenant,
    posthorn.public_id('evt'::text, d.event_id) AS event_id,
    w.id AS webhook_id,
    e.type,
    d.status,
    d.cause,
    d.attempts_made,
    d.reason,
    posthorn.next_attempt_at(d.state, d.due_at, d.locked_until, (w.paused OR a.paused), w.health, s.not_before) AS next_attempt_at,
    d.created_at,
    d.finished_at,
    posthorn.waiting_for(d.state, d.locked_until, (w.paused OR a.paused), w.health,
        CASE
            WHEN (w.rate_limit_per_s IS NOT NULL) THEN s.next_send_at
            ELSE NULL::timestamp with time zone
        END, s.not_before, ( SELECT first.locked_until
           FROM posthorn.deliveries first
          WHERE ((first.bucket = 0) AND (first.state = 0) AND (first.webhook_id = d.webhook_id))
          ORDER BY first.due_at, first.id
         LIMIT 1)) AS waiting_for,
    w.name AS webhook_name,
    e.channel,
    d.sequence,
    d.last_at,
    d.last_status,
    d.last_reason,
    d.last_duration_ms
   FROM ((((posthorn.all_deliveries d
     JOIN posthorn.webhooks w ON ((w.webhook_id = d.webhook_id)))
     LEFT JOIN posthorn.webhook_states s ON (((s.bucket = 0) AND (s.webhook_id = d.webhook_id))))
     LEFT JOIN posthorn.events e ON (((e.bucket = d.bucket) AND (e.tenant = d.tenant) AND (e.id = d.event_id))))
     CROSS JOIN ( SELECT (EXISTS ( SELECT
                   FROM posthorn.settings
                  WHERE (settings.name = 'paused_since'::text))) AS paused) a);

create view posthorn.v_attempts as
 SELECT posthorn.public_id('att'::text, a.id) AS id,
    a.tenant,
    posthorn.public_id('dlv'::text, a.delivery_id) AS delivery_id,
    w.id AS webhook_id,
    a.number,
    a.at,
    a.resent_at,
    a.duration_ms,
    a.worker,
    v.url,
    v.preset,
    v.preset_settings,
    a.address,
    v.headers_masked AS custom_headers,
    encode(a.body_sha256, 'hex'::text) AS body_sha256,
    a.key_version,
    a.status,
    a.response_headers,
    a.response_body,
    a.reason,
    a.error
   FROM ((posthorn.attempts a
     JOIN posthorn.webhooks w ON ((w.webhook_id = a.webhook_id)))
     LEFT JOIN posthorn.webhook_versions v ON (((v.webhook_id = a.webhook_id) AND (v.version = a.webhook_version))));

create view posthorn.v_webhooks as
 SELECT w.id,
    w.tenant,
    w.name,
    w.external_id,
    w.url,
    w.status,
    w.paused,
    w.health,
    w.health_reason,
    w.events,
    w.channels,
    w.preset,
    w.preset_settings,
    w.delivery_order AS "order",
    w.retry_schedule_s,
    w.timeout_ms,
    w.rate_limit_per_s,
    (w.signature_key_sealed IS NOT NULL) AS has_signature_key,
    w.metadata,
    s.not_before AS resting_until,
    w.created_at,
    w.updated_at,
    w.deleted_at
   FROM (posthorn.webhooks w
     LEFT JOIN posthorn.webhook_states s ON (((s.bucket = 0) AND (s.webhook_id = w.webhook_id))));
