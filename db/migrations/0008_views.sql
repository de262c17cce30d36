-- For reading by SQL: these four stay as they are. Ids are the public ones.

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
    -- A webhook told to wait (Retry-After) waits as a whole, its first attempts too, and whatever its rate would allow.
    when state = 1 or not_before > now() then 'retry'
    when state = 0 and next_send_at > now() then 'rate'
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

-- Pending and finished deliveries as one list, still by internal ids: what the views and the API read.
create view posthorn.all_deliveries as
  select true as is_pending, d.bucket, d.tenant, d.id, d.event_id, d.webhook_id, d.cause, 'pending'::text as status,
    d.attempts_made, d.sequence, d.created_at, null::timestamptz as finished_at, null::text as reason,
    d.last_at, d.last_status, d.last_reason, d.last_duration_ms, d.state, d.due_at, d.locked_until
  from posthorn.deliveries as d
  where d.webhook_id > 0 and d.event_id > '00000000-0000-0000-0000-000000000000'
  union all
  select false, f.bucket, f.tenant, f.id, f.event_id, f.webhook_id, f.cause, f.status,
    f.attempts_made, f.sequence, f.created_at, f.finished_at, f.reason,
    f.last_at, f.last_status, f.last_reason, f.last_duration_ms, null::smallint, null::timestamptz, null::timestamptz
  from posthorn.finished_deliveries as f;

create view posthorn.v_events as
  select posthorn.public_id('evt', e.id) as id, e.tenant, e.type, e.channel, e."timestamp", p.payload, e.created_at,
    e.idempotency_key, e.matched, e.traceparent
  from posthorn.events as e
  left join posthorn.event_payloads as p on p.bucket = e.bucket and p.tenant = e.tenant and p.id = e.id;

create view posthorn.v_deliveries as
  select posthorn.public_id('dlv', d.id) as id, d.tenant, posthorn.public_id('evt', d.event_id) as event_id,
    w.id as webhook_id, e.type, d.status, d.cause, d.attempts_made, d.reason,
    posthorn.next_attempt_at(d.state, d.due_at, d.locked_until, w.paused or a.paused, w.health, s.not_before) as next_attempt_at,
    d.created_at, d.finished_at,
    posthorn.waiting_for(
      d.state, d.locked_until, w.paused or a.paused, w.health, case when w.rate_limit_per_s is not null then s.next_send_at end, s.not_before,
      (
        select first.locked_until from posthorn.deliveries as first
        where first.bucket = 0 and first.state = 0 and first.webhook_id = d.webhook_id
        order by first.due_at, first.id limit 1
      )
    ) as waiting_for,
    w.name as webhook_name, e.channel, d.sequence, d.last_at, d.last_status, d.last_reason, d.last_duration_ms
  from posthorn.all_deliveries as d
  join posthorn.webhooks as w on w.webhook_id = d.webhook_id
  left join posthorn.webhook_states as s on s.bucket = 0 and s.webhook_id = d.webhook_id
  left join posthorn.events as e on e.bucket = d.bucket and e.tenant = d.tenant and e.id = d.event_id
  cross join (select exists (select from posthorn.settings where name = 'paused_since') as paused) as a;

-- The preset tells which header carried the signature, and how the body was made of the event.
create view posthorn.v_attempts as
  select posthorn.public_id('att', a.id) as id, a.tenant, posthorn.public_id('dlv', a.delivery_id) as delivery_id,
    w.id as webhook_id, a.number, a.at, a.resent_at, a.duration_ms, a.worker, v.url, v.preset, v.preset_settings, a.address,
    v.headers_masked as custom_headers, encode(a.body_sha256, 'hex') as body_sha256, a.key_version,
    a.status, a.response_headers, a.response_body, a.reason, a.error
  from posthorn.attempts as a
  join posthorn.webhooks as w on w.webhook_id = a.webhook_id
  left join posthorn.webhook_versions as v on v.webhook_id = a.webhook_id and v.version = a.webhook_version;

-- For support: what a webhook is, deleted ones too, and none of its secrets.
create view posthorn.v_webhooks as
  select w.id, w.tenant, w.name, w.external_id, w.url, w.status, w.paused, w.health, w.health_reason, w.events, w.channels,
    w.preset, w.preset_settings, w.delivery_order as "order", w.retry_schedule_s, w.timeout_ms, w.rate_limit_per_s,
    w.signature_key_sealed is not null as has_signature_key, w.metadata, s.not_before as resting_until,
    w.created_at, w.updated_at, w.deleted_at
  from posthorn.webhooks as w
  left join posthorn.webhook_states as s on s.bucket = 0 and s.webhook_id = w.webhook_id;

-- Nobody else calls a function, but those that the views call: a view's tables are read with its owner's rights, its functions
-- called with the reader's, and USAGE on the schema and SELECT on a view are to be enough.
revoke execute on all functions in schema posthorn from public;
grant execute on function posthorn.public_id, posthorn.waiting_for, posthorn.next_attempt_at to public;
