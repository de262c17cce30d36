-- The two doors to publish: posthorn.publish(…) for SQL, events.publish over HTTP. Both are faces of store_events.

-- The patterns of a webhook's `events` that a type matches: 'a.b.c' → {*, a.*, a.b.*, a.b.c}.
-- The service's own events go only where they are named, so '*' is not among theirs.
create function posthorn.type_patterns(type text) returns text[]
language sql immutable strict parallel safe
as $$
  select array_agg(pattern)
  from (
    select '*' as pattern where type !~ '^(webhook|delivery)\.'
    union all
    select array_to_string(parts[1:i], '.') || '.*'
    from string_to_array(type, '.') as parts, generate_series(1, cardinality(parts) - 1) as i
    union all
    select type
  ) as patterns
$$;

-- Raises PH400 where an event can't be taken, with what is wrong and, as the column, the field that it is wrong in.
-- `own` lets pass the service's own types, which nobody else may publish.
create function posthorn.check_event(
  tenant text, type text, payload text, channel text, "timestamp" timestamptz, idempotency_key text, own boolean
) returns void
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  if tenant is null or tenant !~ '^[a-z0-9_-]{1,64}$' then
    raise exception using errcode = 'PH400', column = 'tenant',
      message = 'tenant: 1 to 64 of a-z, 0-9, _ and - are needed';
  end if;
  if type is null or length(type) > 200 or type !~ '^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$' then
    raise exception using errcode = 'PH400', column = 'type',
      message = 'type: words of letters, digits, _ and - joined by dots are needed, 200 characters at most';
  end if;
  if not own and type ~ '^(webhook|delivery)\.' then
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
$$;

-- Raises PH400 where a text is not JSON. Any JSON will do, also what jsonb refuses: it is stored as the text it is.
create function posthorn.check_json(payload text) returns void
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Whether JSON nests deeper than `most` levels. Few payloads have that many brackets at all, and only those are
-- taken apart: strings and all else but brackets go, then the innermost pairs, level by level.
create function posthorn.is_deeper(payload text, most integer) returns boolean
language plpgsql immutable strict
set search_path = pg_catalog, pg_temp
as $$
declare
  brackets text := payload;
begin
  if length(payload) - length(translate(payload, '[{', '')) <= most then
    return false;
  end if;
  brackets := regexp_replace(brackets, '"(\\.|[^"\\])*"', '', 'g');
  brackets := regexp_replace(brackets, '[^][{}]', '', 'g');
  for level in 1 .. most loop
    exit when brackets = '';
    brackets := replace(replace(brackets, '[]', ' '), '{}', ' ');
    brackets := replace(brackets, ' ', '');
  end loop;
  return brackets <> '';
end
$$;

-- Raises PH404 for the first type that the tenant does not have, or, where unknown types are accepted, adds them.
create function posthorn.admit_types(tenant text, types text[], at timestamptz) returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
#variable_conflict use_column
declare
  unknown text[];
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
    insert into posthorn.event_types (tenant, name, created_at, updated_at)
    select admit_types.tenant, name, at, at from unnest(unknown) as name
    on conflict do nothing;
    return;
  end if;
  raise exception using errcode = 'PH404', column = 'type',
    message = format('type: %s is not an event type of this tenant; create it with event_types.create', unknown[1]);
end
$$;

-- Stores events with their deliveries: all of them or, when anything is wrong, none. Answers in the order given.
-- `schema_checked` says that the caller has judged the payloads: that they are JSON and fit their types' schemas;
-- `own`, that the events are the service's own.
create function posthorn.store_events(
  tenant text, types text[], payloads text[], channels text[], timestamps timestamptz[],
  idempotency_keys text[], schema_checked boolean, own boolean default false
) returns table (event_id uuid, matched integer, duplicate boolean, created_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
#variable_conflict use_column
declare
  -- One reading, in a variable: ids, created_at and due_at agree, and no statement calls a clock.
  at timestamptz := clock_timestamp();
  ids uuid[] := '{}';
  duplicates boolean[] := array_fill(false, array[cardinality(types)]);
  counts integer[] := array_fill(0, array[cardinality(types)]);
  kept record;
begin
  for i in 1 .. cardinality(types) loop
    perform posthorn.check_event(
      tenant, types[i], payloads[i], channels[i], timestamps[i], idempotency_keys[i], own);
    if not schema_checked then
      perform posthorn.check_json(payloads[i]);
    end if;
    ids := ids || posthorn.uuid_v7(at, i - 1);
  end loop;

  if not own then
    perform posthorn.admit_types(tenant, types, at);
  end if;

  if array_remove(idempotency_keys, null) <> '{}' then
    for kept in
      select k.item, k.event_id, k.is_new
      from posthorn.remember_keys(tenant, idempotency_keys, ids, types, channels, timestamps, payloads, at) as k
    loop
      ids[kept.item] := kept.event_id;
      duplicates[kept.item] := not kept.is_new;
    end loop;
  end if;

  for kept in
    with input as (
      select u.id, u.type, u.payload, u.channel, u."timestamp", u.item::integer - 1 as item
      from unnest(ids, types, payloads, channels, timestamps, duplicates)
        with ordinality as u (id, type, payload, channel, "timestamp", duplicate, item)
      where not u.duplicate
    ),
    stored as (
      insert into posthorn.events (tenant, id, type, channel, "timestamp", created_at, schema_checked)
      select store_events.tenant, id, type, channel, coalesce("timestamp", at), at, store_events.schema_checked from input
    ),
    payload as (
      insert into posthorn.event_payloads (tenant, id, payload)
      select store_events.tenant, id, payload from input
    ),
    fan_out as (
      insert into posthorn.deliveries
        (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
      select case when w.paused or w.health = 'disabled' then 2 else 0 end, octet_length(i.payload), posthorn.uuid_v7(at, i.item),
        i.id, w.webhook_id, at, at, store_events.tenant, 'publish'
      from input as i
      cross join lateral (
        select distinct r.webhook_id from posthorn.routes as r
        where r.tenant = store_events.tenant
          and r.type_pattern = any (posthorn.type_patterns(i.type))
          and r.channel = any (array['', coalesce(i.channel, '')])
      ) as route
      join posthorn.webhooks as w on w.webhook_id = route.webhook_id
      returning event_id
    )
    select input.item + 1 as item, count(*)::integer as matched
    from fan_out join input on input.id = fan_out.event_id
    group by input.item
  loop
    counts[kept.item] := kept.matched;
  end loop;

  return query
    select u.id, u.matched, u.duplicate, at
    from unnest(ids, counts, duplicates) with ordinality as u (id, matched, duplicate, item)
    order by u.item;
end
$$;

-- Remembers each key with its event, or finds the event that has it. Keys go in sorted, so that two lists with the
-- same keys wait for each other instead of deadlocking. Raises PH409 where a key comes back with another event.
create function posthorn.remember_keys(
  tenant text, keys text[], ids uuid[], types text[], channels text[], timestamps timestamptz[],
  payloads text[], at timestamptz
) returns table (item integer, event_id uuid, is_new boolean)
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
#variable_conflict use_column
declare
  remembered interval := make_interval(hours => coalesce(
    (select value::integer from posthorn.settings where name = 'idempotency_h'), 72));
  fingerprints bytea[] := '{}';
  conflict text;
begin
  for i in 1 .. cardinality(keys) loop
    -- Each part is preceded by its length, so that no two different events can look alike.
    fingerprints := fingerprints || sha256(convert_to(concat(
      length(types[i]), ':', types[i], length(channels[i]), ':', channels[i],
      extract(epoch from timestamps[i]), ':', payloads[i]), 'UTF8'));
  end loop;

  delete from posthorn.idempotency_keys as k
  where k.tenant = remember_keys.tenant and k.key = any (keys) and k.created_at < at - remembered;

  insert into posthorn.idempotency_keys (tenant, key, event_id, fingerprint, created_at)
  select distinct on (u.key) remember_keys.tenant, u.key, u.id, u.fingerprint, at
  from unnest(keys, ids, fingerprints) with ordinality as u (key, id, fingerprint, item)
  where u.key is not null
  order by u.key, u.item
  on conflict do nothing;

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
    select u.item::integer, k.event_id, k.event_id = u.id
    from unnest(keys, ids) with ordinality as u (key, id, item)
    join posthorn.idempotency_keys as k on k.tenant = remember_keys.tenant and k.key = u.key;
end
$$;

-- Raises 42501 unless the role that called may publish for the tenant: the role of SET ROLE where one is in force,
-- else the session's. Superusers and members of the schema's owner need no row.
create function posthorn.check_publisher(tenant text) returns void
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
declare
  caller text := coalesce(nullif(current_setting('role'), 'none'), session_user);
  owner oid := (select nspowner from pg_catalog.pg_namespace where nspname = 'posthorn');
begin
  if pg_has_role(caller, owner, 'member') then
    return;
  end if;
  if not exists (
    select from posthorn.publishers as p
    where p.tenant = check_publisher.tenant
      and pg_has_role(caller, to_regrole(quote_ident(p.role))::oid, 'usage')
  ) then
    raise exception using errcode = '42501',
      message = format('role %s may not publish for tenant %s', caller, tenant),
      hint = format('the schema''s owner allows it by: select posthorn.allow_publish(%L, %L);', caller, tenant);
  end if;
end
$$;

-- Publishes one event in the caller's transaction: it is sent if and only if that commits. Answers the event's id.
create function posthorn.publish(
  type text, payload text, channel text default null, tenant text default 'default',
  "timestamp" timestamptz default null, idempotency_key text default null
) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, posthorn, pg_temp
as $$
#variable_conflict use_variable
begin
  perform posthorn.check_publisher(tenant);
  return (
    select posthorn.public_id('evt', s.event_id)
    from posthorn.store_events(
      tenant, array[type], array[payload], array[channel], array["timestamp"], array[idempotency_key], false
    ) as s
  );
end
$$;

-- The same for json and jsonb: without these a json column would need a cast, and without the one for text
-- a plain literal would be ambiguous.
create function posthorn.publish(
  type text, payload json, channel text default null, tenant text default 'default',
  "timestamp" timestamptz default null, idempotency_key text default null
) returns text
language sql volatile security definer
set search_path = pg_catalog, posthorn, pg_temp
as $$ select posthorn.publish($1, $2::text, $3, $4, $5, $6) $$;

create function posthorn.publish(
  type text, payload jsonb, channel text default null, tenant text default 'default',
  "timestamp" timestamptz default null, idempotency_key text default null
) returns text
language sql volatile security definer
set search_path = pg_catalog, posthorn, pg_temp
as $$ select posthorn.publish($1, $2::text, $3, $4, $5, $6) $$;

-- Lets a role publish for a tenant, and nothing else. For the schema's owner.
create function posthorn.allow_publish(role text, tenant text default 'default') returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  if tenant is null or tenant !~ '^[a-z0-9_-]{1,64}$' then
    raise exception using errcode = 'PH400', column = 'tenant',
      message = 'tenant: 1 to 64 of a-z, 0-9, _ and - are needed';
  end if;
  execute format('grant usage on schema posthorn to %I', role);
  execute format('grant execute on function '
    'posthorn.publish(text, text, text, text, timestamptz, text), '
    'posthorn.publish(text, json, text, text, timestamptz, text), '
    'posthorn.publish(text, jsonb, text, text, timestamptz, text) to %I', role);
  insert into posthorn.publishers (role, tenant) values (role, tenant) on conflict do nothing;
end
$$;

revoke execute on all functions in schema posthorn from public;
