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

-- The preset tells which header carried the signature, and how the body was made of the event.
create or replace view posthorn.v_attempts as
  select posthorn.public_id('att', a.id) as id, a.tenant, posthorn.public_id('dlv', a.delivery_id) as delivery_id,
    w.id as webhook_id, a.number, a.at, a.duration_ms, a.worker, v.url, a.address,
    v.headers_masked as custom_headers, encode(a.body_sha256, 'hex') as body_sha256, a.key_version,
    a.status, a.response_headers, a.response_body, a.reason, a.error, v.preset
  from posthorn.attempts as a
  join posthorn.webhooks as w on w.webhook_id = a.webhook_id
  left join posthorn.webhook_versions as v on v.webhook_id = a.webhook_id and v.version = a.webhook_version;
