-- For reading by SQL: these three stay as they are. Ids are the public ones.

-- Pending and finished deliveries as one list, still by internal ids: what the views and the API read.
create view posthorn.all_deliveries as
  select true as is_pending, d.bucket, d.tenant, d.id, d.event_id, d.webhook_id, d.cause, 'pending'::text as status,
    d.attempts_made, d.sequence, d.created_at, null::timestamptz as finished_at, null::text as reason,
    d.state, d.due_at, d.locked_until
  from posthorn.deliveries as d
  union all
  select false, f.bucket, f.tenant, f.id, f.event_id, f.webhook_id, f.cause, f.status,
    f.attempts_made, f.sequence, f.created_at, f.finished_at, f.reason,
    null::smallint, null::timestamptz, null::timestamptz
  from posthorn.finished_deliveries as f;

create view posthorn.v_events as
  select posthorn.public_id('evt', e.id) as id, e.tenant, e.type, e.channel, e."timestamp", p.payload, e.created_at
  from posthorn.events as e
  left join posthorn.event_payloads as p on p.bucket = e.bucket and p.tenant = e.tenant and p.id = e.id;

create view posthorn.v_deliveries as
  select posthorn.public_id('dlv', d.id) as id, d.tenant, posthorn.public_id('evt', d.event_id) as event_id,
    w.id as webhook_id, e.type, d.status, d.cause, d.attempts_made, d.reason,
    case when d.status = 'pending' then d.due_at end as next_attempt_at, d.created_at, d.finished_at
  from posthorn.all_deliveries as d
  join posthorn.webhooks as w on w.webhook_id = d.webhook_id
  left join posthorn.events as e on e.bucket = d.bucket and e.tenant = d.tenant and e.id = d.event_id;

-- The preset tells which header carried the signature, and how the body was made of the event.
create view posthorn.v_attempts as
  select posthorn.public_id('att', a.id) as id, a.tenant, posthorn.public_id('dlv', a.delivery_id) as delivery_id,
    w.id as webhook_id, a.number, a.at, a.resent_at, a.duration_ms, a.worker, v.url, v.preset, a.address,
    v.headers_masked as custom_headers, encode(a.body_sha256, 'hex') as body_sha256, a.key_version,
    a.status, a.response_headers, a.response_body, a.reason, a.error
  from posthorn.attempts as a
  join posthorn.webhooks as w on w.webhook_id = a.webhook_id
  left join posthorn.webhook_versions as v on v.webhook_id = a.webhook_id and v.version = a.webhook_version;

-- A view's tables are read with its owner's rights, its functions called with the reader's: USAGE on the schema and SELECT
-- on a view are to be enough.
grant execute on function posthorn.public_id(text, uuid) to public;
