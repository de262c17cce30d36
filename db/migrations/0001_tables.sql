-- The nouns: what is subscribed, what was published, who may. The queue's tables are in 0002. db/README.md tells what each table
-- is for, and why each index is there.
-- Rules that hold throughout, each from a measurement or from Citus, where the same statements have to run:
--   * `bucket` (a hash of the webhook's id one day, 0 today) comes first in the keys of the big tables;
--   * no foreign key touches a hot or a partitioned table: it would make dropping a partition fail,
--     and a delete wait behind a stranger's open transaction;
--   * no triggers;
--   * text in a key goes by bytes (collate "C"): the system's collations change with its libraries, and an index that was
--     sorted by the old one is corrupt.

create table posthorn.settings (
  name text collate "C" primary key,
  value text not null
);

-- Which cell each tenant lives in, where there are several: a cell is a database like this one, and the setting `cell` is this one's
-- name (absent: home). Without a row a tenant lives where that of '*' says, without that in home. What a publish
-- goes by is the row in the database that it writes to: so a cell that a tenant has left keeps its row for ever, and what commits
-- there late is forwarded.
create table posthorn.placements (
  tenant text collate "C" primary key, -- '*': of those that have no row
  cell text collate "C" not null,
  placed_at timestamptz not null default now(),
  moves integer not null default 0, -- how often it has moved: what says less is older
  moving_to text collate "C", -- while it is being moved: nothing of it is written or sent here, and its events wait in `forwards`
  left_at timestamptz, -- since then it lives elsewhere: what is committed here late is sent on
  cleared_at timestamptz -- since then nothing is left here of what has moved
);
create index placements_placed on posthorn.placements (placed_at);
create index placements_left on posthorn.placements (tenant) where left_at is not null;

-- Events published here of tenants that live in another cell, whole, until they are stored there under the same id, see
-- src/delivery/forwarder.ts. Those that the cell can't take are set aside, for somebody to look at.
create table posthorn.forwards (
  tenant text collate "C" not null,
  id uuid not null,
  type text collate "C" not null,
  channel text collate "C",
  "timestamp" timestamptz, -- null: when it was published
  created_at timestamptz not null,
  schema_checked boolean not null,
  idempotency_key text collate "C",
  traceparent text,
  payload text not null,
  set_aside_at timestamptz,
  set_aside_as text,
  primary key (tenant, id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
create index forwards_waiting on posthorn.forwards (tenant, id) where set_aside_at is null;
create index forwards_set_aside on posthorn.forwards (set_aside_at) where set_aside_at is not null;

-- Whoever has to be the only one takes a row of these until its transaction ends. Advisory locks would not do: every role can
-- see which are held, and hold them too. What goes on over several transactions writes down the session that does it.
create table posthorn.locks (
  slot integer primary key, -- a name's hash, or below 0: see src/database/locks.ts
  holder_pid integer,
  holder_start timestamptz
);
insert into posthorn.locks (slot) select generate_series(-6, 1023);

create table posthorn.keys (
  id uuid primary key,
  name text not null,
  scope text not null check (scope in ('admin', 'manage', 'publish', 'read', 'metrics')),
  tenant text collate "C" check ((tenant is null) = (scope in ('admin', 'metrics'))),
  hash bytea unique, -- null: of a portal's link that nobody has opened yet
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz, -- to the minute: see src/keys/last-use.ts
  is_portal boolean not null default false,
  webhook_ids bigint[], -- which alone a portal's session sees; null: all of its tenant
  check (is_portal or hash is not null),
  check (is_portal or webhook_ids is null)
);
create index keys_portal_over on posthorn.keys (expires_at) where is_portal;
create index keys_tenant on posthorn.keys (tenant) where tenant is not null;

-- Links into the portal, each opened once: it then is a session, which is a key. Until a minute later who has the same nonce is
-- answered the same, since an answer can be lost.
create table posthorn.portal_links (
  key_id uuid primary key,
  token_hash bytea not null unique,
  nonce_hash bytea,
  session_s integer not null,
  expires_at timestamptz not null,
  opened_at timestamptz,
  return_url text
);

-- The roles that may publish by SQL, and for which tenant.
create table posthorn.publishers (
  role regrole not null, -- not its name: one that is dropped and made again is another role
  tenant text collate "C" not null, -- '*' is every one
  primary key (role, tenant)
);

-- Tenant '*' holds the types that every tenant has; a tenant's own row of the same name goes before it. Of tenants that live in another
-- cell these are copies, for whoever publishes here: `updated_at` is their revision, see src/store/copied-types.ts.
create table posthorn.event_types (
  tenant text collate "C" not null,
  name text collate "C" not null,
  description text,
  schema json,
  example json,
  enforce boolean not null default false,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  archived_at timestamptz,
  primary key (tenant, name)
);
create index event_types_updated on posthorn.event_types (updated_at);

-- What a type was made by each change of it, and by which key; the last of them, as it is. A type that a publish has added has none
-- until it is changed.
create table posthorn.event_type_versions (
  tenant text collate "C" not null,
  name text collate "C" not null,
  version integer not null,
  changed_at timestamptz not null,
  made_by uuid,
  made_by_name text,
  description text,
  schema json,
  example json,
  enforce boolean not null,
  is_archived boolean not null,
  primary key (tenant, name, version)
);

-- `id` is the public id, unique in its tenant while the webhook lives. Rows elsewhere point to `webhook_id`,
-- so that a webhook made again under a deleted one's id inherits nothing of it. That one is drawn, 52 bits of chance, which
-- a JavaScript number holds: what is moved from one database into another, or made in a copy of one, meets none of its kind.
-- `version` is drawn anew with each change: a number that rises would be given twice where a standby that lacks the last
-- change is promoted, and a worker that remembers the lost one would take it for this.
create table posthorn.webhooks (
  webhook_id bigint primary key default ('x' || right(replace(gen_random_uuid()::text, '-', ''), 13))::bit(52)::bigint + 1,
  tenant text collate "C" not null,
  id uuid not null,
  version uuid not null default gen_random_uuid(),
  name text,
  status text not null check (status in ('Subscribed', 'Unsubscribed')),
  paused boolean not null default false,
  health text not null default 'ok' check (health in ('ok', 'failing', 'disabled')),
  health_reason text,
  announced_health text not null default 'ok',
  announced_at timestamptz,
  disabling_announced_at timestamptz,
  dropping_announced_at timestamptz,
  released_at timestamptz,
  url text not null,
  preset text not null,
  preset_settings jsonb,
  events text[] not null,
  channels text[] not null,
  headers_sealed bytea,
  signature_key_sealed bytea,
  signature_key_version integer not null default 0,
  previous_key_sealed bytea,
  previous_key_expires_at timestamptz,
  retry_schedule_s integer[],
  timeout_ms integer,
  rate_limit_per_s double precision,
  delivery_order text not null default 'none' check (delivery_order in ('none', 'channel', 'webhook')),
  external_id text collate "C",
  metadata jsonb not null default '{}',
  created_at timestamptz not null,
  updated_at timestamptz not null,
  deleted_at timestamptz,
  check ((preset = 'custom') = (preset_settings is not null))
);
create unique index webhooks_id on posthorn.webhooks (id, tenant) where deleted_at is null;
create unique index webhooks_external_id on posthorn.webhooks (tenant, external_id)
  where external_id is not null and deleted_at is null;
create index webhooks_ended on posthorn.webhooks (webhook_id) where status <> 'Subscribed' or deleted_at is not null;
create index webhooks_to_announce on posthorn.webhooks (webhook_id) where health <> announced_health or health = 'failing';
create index webhooks_deleted on posthorn.webhooks (deleted_at) where deleted_at is not null;
-- Where the sweeps begin: the few webhooks that rest, or have a rotated-out key.
create index webhooks_resting on posthorn.webhooks (webhook_id) where paused or health = 'disabled';
create index webhooks_old_keys on posthorn.webhooks (previous_key_expires_at) where previous_key_expires_at is not null;
-- The webhooks whose deliveries the publisher always makes itself, see store_events.
create index webhooks_ordered on posthorn.webhooks (tenant, webhook_id)
where delivery_order <> 'none' and status = 'Subscribed' and deleted_at is null;
create index webhooks_list on posthorn.webhooks (tenant, created_at, webhook_id) where deleted_at is null;
create index webhooks_all on posthorn.webhooks (created_at, webhook_id) where deleted_at is null;
create index webhooks_gone on posthorn.webhooks (tenant, created_at, webhook_id) where deleted_at is not null;
-- Those that a list shows first where trouble comes first.
create index webhooks_troubled on posthorn.webhooks (tenant, webhook_id) where deleted_at is null and (paused or health <> 'ok');

-- What was sent where, for the attempts to point to: one row for each change of what goes out.
-- Header values stand here as asterisks. `valid_until` is null in the one that is valid now.
create table posthorn.webhook_versions (
  webhook_id bigint not null,
  version uuid not null,
  tenant text collate "C" not null,
  url text not null,
  preset text not null,
  preset_settings jsonb,
  headers_masked json not null,
  valid_from timestamptz not null,
  valid_until timestamptz,
  primary key (webhook_id, version)
);
create unique index webhook_versions_valid on posthorn.webhook_versions (webhook_id) where valid_until is null;
create index webhook_versions_since on posthorn.webhook_versions (webhook_id, valid_from);
create index webhook_versions_over on posthorn.webhook_versions (valid_until) where valid_until is not null;

-- What a webhook was, change by change, whoever made it: what an event met when it was published, and who changed what. `change`
-- counts each webhook's; what goes out by it is its `version`. `made_by` is the key of the
-- request, without an id where it is the configuration's; without a name too, the service did it itself.
-- `headers_set` is the change that gave its headers, whose values no version tells.
-- A change's commit comes after its time: what was published up to `seen_until` may have met what it has ended. Null: who ended
-- it has not committed, or not yet said so. Written by keep_change alone.
create table posthorn.webhook_changes (
  webhook_id bigint not null,
  change integer not null,
  tenant text collate "C" not null,
  version uuid not null,
  valid_from timestamptz not null,
  valid_until timestamptz,
  seen_until timestamptz,
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
  primary key (webhook_id, change)
);
create index webhook_changes_over on posthorn.webhook_changes (valid_until) where valid_until is not null;
create index webhook_changes_unseen on posthorn.webhook_changes (webhook_id) where valid_until is not null and seen_until is null;

-- Keeps what a webhook has become, at the end of the transaction that has locked and changed it.
create function posthorn.keep_change(
  webhook_id bigint, made_by uuid, made_by_name text, headers_kept boolean default true
) returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- A subscribed webhook's filter, multiplied out: channel '' is any, type_pattern '*' any but our own events.
create table posthorn.routes (
  tenant text collate "C" not null,
  type_pattern text collate "C" not null,
  channel text collate "C" not null,
  webhook_id bigint not null,
  primary key (tenant, type_pattern, channel, webhook_id)
);
create index routes_webhook on posthorn.routes (webhook_id);

create table posthorn.idempotency_keys (
  tenant text collate "C" not null,
  key text collate "C" not null,
  event_id uuid not null,
  fingerprint bytea not null,
  created_at timestamptz not null,
  primary key (tenant, key)
);
create index idempotency_keys_age on posthorn.idempotency_keys (created_at);

-- What was answered to a request that made something under an idempotency key, for a day: `sealed` is null once the secret of
-- what it shows (a webhook's number, an API key's id) is another or no more.
create table posthorn.kept_answers (
  tenant text collate "C" not null,
  caller text collate "C" not null,
  key text collate "C" not null,
  shows text collate "C",
  sealed bytea,
  created_at timestamptz not null,
  primary key (tenant, caller, key)
);
create index kept_answers_shows on posthorn.kept_answers (shows) where shows is not null;
create index kept_answers_age on posthorn.kept_answers (created_at);

-- `matched` is how many webhooks the publish found: who got it, the deliveries tell. `traceparent` is the publisher's, where he
-- gave one: what is done for the event is told in his trace.
create table posthorn.events (
  bucket smallint not null default 0,
  tenant text collate "C" not null,
  id uuid not null,
  type text collate "C" not null,
  channel text collate "C",
  "timestamp" timestamptz not null,
  created_at timestamptz not null,
  matched integer not null,
  schema_checked boolean not null,
  idempotency_key text collate "C",
  traceparent text,
  primary key (bucket, tenant, id)
) partition by range (id);
-- What a block of rows does not have: of it a search for what is rare reads only the rest. A publish pays next to nothing, since
-- a block is told of when it is full.
create index events_blocks on posthorn.events using brin (
  id uuid_minmax_ops,
  type text_bloom_ops (n_distinct_per_range = 100),
  channel text_bloom_ops (n_distinct_per_range = 1000),
  idempotency_key text_bloom_ops (n_distinct_per_range = 2000)
) with (pages_per_range = 32, autosummarize = on);
create index events_unmatched on posthorn.events (bucket, tenant, id) where matched = 0;
-- Over all tenants, for admins who look for what is somewhere. The predicate holds for every row: only who says it is offered the
-- index, and what is asked of one tenant never goes by it.
create index events_all on posthorn.events (bucket, id) where created_at > '-infinity';

create table posthorn.event_payloads (
  bucket smallint not null default 0,
  tenant text collate "C" not null,
  id uuid not null,
  payload text not null,
  primary key (bucket, tenant, id)
) partition by range (id);

-- Events whose payload and answers were blanked for good. An attempt that was under way then is recorded later, with its
-- answer: so each is looked at again for a day, seldom and seldomer, until `look_at` is null. The row itself stays, as
-- the proof of the erasure.
create table posthorn.erasures (
  tenant text collate "C" not null,
  event_id uuid not null,
  erased_at timestamptz not null,
  look_at timestamptz,
  primary key (tenant, event_id)
);
create index erasures_to_look_at on posthorn.erasures (look_at) where look_at is not null;
