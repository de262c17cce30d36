-- The two doors to publish: posthorn.publish(…) for SQL, events.publish over HTTP. Both are faces of store_events. They go by
-- few statements that are planned once; of a wide fan-out, a worker makes the deliveries.

-- Matches of one event that the publisher's own transaction makes deliveries of. A thousand take it 14 ms of CPU, as
-- ten thousand would take 190, in a transaction that is a user's own; to store what ten thousand match takes 3. A call with
-- a thousand events makes twenty thousand at most: where all would be more, a fiftieth of this for each event.
create function posthorn.fan_out_max() returns integer
language sql immutable parallel safe
begin atomic
  select 1000;
end;

-- What an idempotency key stands for. Each part is preceded by its length, so that no two different events look alike.
create function posthorn.fingerprint(type text, channel text, "timestamp" timestamptz, payload text) returns bytea
language sql stable
begin atomic
  select sha256(convert_to(concat(
    length(type), ':', type, length(channel), ':', channel, extract(epoch from "timestamp"), ':', payload), 'UTF8'));
end;

-- Remembers each key with its event, or finds the event that has it, and answers those that were there before.
-- Keys go in sorted, so that two lists with the same keys wait for each other instead of deadlocking. Raises PH409
-- where a key comes back with another event.
create function posthorn.remember_keys(
  tenant text, keys text[], ids uuid[], types text[], channels text[], timestamps timestamptz[],
  payloads text[], at timestamptz
) returns table (item integer, event_id uuid)
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Inserts the keys that are not there; answers how many.
create function posthorn.insert_keys(tenant text, keys text[], ids uuid[], fingerprints bytea[], at timestamptz)
returns integer
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Whether a tenant lives in this very database. Asked of a list where there are placements at all, and of a single event where
-- nothing matches it: who has no cells pays next to nothing.
create function posthorn.lives_here(tenant text) returns boolean
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  return coalesce(
    (select case when p.moving_to is null then p.cell else '' end from posthorn.placements as p where p.tenant = lives_here.tenant),
    (select p.cell from posthorn.placements as p where p.tenant = '*'),
    'home'
  ) = coalesce((select s.value from posthorn.settings as s where s.name = 'cell'), 'home');
end
$$;

-- Keeps a tenant here until the transaction ends: a move waits for it. Raises PH503 where it lives elsewhere by now, or is being moved.
create function posthorn.stay(tenant text) returns void
language plpgsql
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  perform from posthorn.placements as p where p.tenant = stay.tenant for share;
  if not posthorn.lives_here(tenant) then -- a statement of its own: it sees what the lock was waited for
    raise exception using errcode = 'PH503', message = format('the tenant %s is being moved to another cell', tenant);
  end if;
end
$$;
revoke all on function posthorn.stay(text) from public;

-- Stores events with their deliveries: all of them or, when anything is wrong, none. Answers in the order given.
-- `schema_checked` says that the caller has judged the payloads: that they are JSON and fit their types' schemas; null,
-- that they are JSON, and that there should be nothing to fit: else PH412 is raised, for the caller to judge them. `own`
-- says that the events are the service's own. An event is stored as checked also where its type has no schema to fit: a
-- worker asks for the schema of each that is not.
--
-- `own_ids` and `own_times` are ids that the caller has chosen, and what they were made of, so that a try whose answer was lost can be
-- made `again`: what that one stored is answered, and not stored twice. They are of the caller's estimate of this clock, which has
-- to be right by some seconds, else PH425 is raised. `api_keys` are those of the callers that were let in by what was known of them;
-- where one is not valid, PH401 is raised.
--
-- Of a tenant that lives in another cell the events are kept to be forwarded, and match nothing here; what nobody has judged yet is
-- judged there, by the types as they are there: these here are copies of them. `forwarded` says that
-- another database took them in, and whether it had judged each by its schema: see store_forwarded.
--
-- Its statements are planned once a session: planned for each call, as PostgreSQL chose, that was most of their cost. Such a
-- plan must suit whatever the tables hold later, so each table is reached by its key, in a lateral where it is joined.
create function posthorn.store_events(
  tenant text, types text[], payloads text[], channels text[], timestamps timestamptz[],
  idempotency_keys text[], schema_checked boolean, own boolean default false, traceparents text[] default null,
  own_ids uuid[] default null, own_times timestamptz[] default null, again boolean default false, api_keys uuid[] default null,
  forwarded boolean[] default null
) returns table (event_id uuid, matched integer, duplicate boolean, created_at timestamptz)
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
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
$$;

-- Stores events that were published in another database, as its `forwards` have them, under the same ids and times; done again, it
-- changes nothing. They match what is subscribed now. A type that was known there stays taken, also where it is not here.
create function posthorn.store_forwarded(tenant text, batch json) returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Of the webhooks that a wide fan-out goes to, those whose deliveries the publisher makes itself: the ordered ones. What
-- an expansion makes of them would come behind an event that was published later.
create function posthorn.ordered_webhooks(tenant text, webhook_ids bigint[]) returns bigint[]
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  return array(
    select w.webhook_id from posthorn.webhooks as w
    where w.tenant = ordered_webhooks.tenant and w.delivery_order <> 'none'
      and w.status = 'Subscribed' and w.deleted_at is null
    intersect select unnest(webhook_ids)
  );
end
$$;

-- Tells the workers that rest, when the transaction commits; answers whether one does. A notice costs the publisher: commits with one go one after the
-- other, PREPARE TRANSACTION fails after it, and a COMMIT does where the server's queue of notices is full. So it is for where a
-- worker rests that is still there, where nobody can prepare transactions, or POSTHORN_NOTIFY says so, and where the queue is not half
-- full.
create function posthorn.wake_workers() returns boolean
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Publishes one event. What is usual goes by few statements of few expressions, since each is set up anew in every
-- transaction, and that was most of what a publish cost; what is not (bad input, a key seen before, a wide fan-out) is left to
-- store_events, before anything is written. A member of the role that this function runs as is let through: it is one
-- of the schema's owner, or could replace the function anyway.
create function posthorn.publish(
  type text, payload text, channel text default null, tenant text default 'default',
  "timestamp" timestamptz default null, idempotency_key text default null, traceparent text default null
) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, posthorn, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
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
$$;

-- The same for json and jsonb: without these a json column would need a cast, and without the one for text
-- a plain literal would be ambiguous.
create function posthorn.publish(
  type text, payload json, channel text default null, tenant text default 'default',
  "timestamp" timestamptz default null, idempotency_key text default null, traceparent text default null
) returns text
language sql volatile security definer
begin atomic
  select posthorn.publish(type, payload::text, channel, tenant, "timestamp", idempotency_key, traceparent);
end;

create function posthorn.publish(
  type text, payload jsonb, channel text default null, tenant text default 'default',
  "timestamp" timestamptz default null, idempotency_key text default null, traceparent text default null
) returns text
language sql volatile security definer
begin atomic
  select posthorn.publish(type, payload::text, channel, tenant, "timestamp", idempotency_key, traceparent);
end;

-- Makes up to `deliveries_max` deliveries of the oldest expansions that no other worker is at, and answers how many it
-- made. By the webhooks' settings of now: one that has ended meanwhile gets a cancelled one, and all do where the event's
-- payload was erased.
create function posthorn.expand(deliveries_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
as $$
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
$$;
