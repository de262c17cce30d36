-- What an event has to be.

-- Whether a type is one of the service's own, which nobody else may publish.
create function posthorn.is_own_type(type text) returns boolean
language sql immutable parallel safe
begin atomic
  select starts_with(type, 'webhook.') or starts_with(type, 'delivery.');
end;

-- The patterns of a webhook's `events` that a type matches: 'a.b.c' → {*, a.*, a.b.*, a.b.c}.
-- The service's own events go only where they are named, so '*' is not among theirs.
create function posthorn.type_patterns(type text) returns text[]
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- JSON that nests deeper than `most` levels has at least two brackets for each: what is shorter is not looked at, and
-- few longer ones have that many brackets at all. Those are taken apart: strings and all else but brackets go, then the
-- innermost pairs, level by level.
create function posthorn.nests_deeper(payload text, most integer) returns boolean
language plpgsql immutable strict
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

create function posthorn.is_deeper(payload text, most integer) returns boolean
language sql immutable
begin atomic
  select octet_length(payload) > 2 * most
    and octet_length(payload) - octet_length(replace(replace(payload, '[', ''), '{', '')) > most
    and posthorn.nests_deeper(payload, most);
end;

-- Whether all but the type of an event is within its bounds: asked of each, where check_event says what is wrong.
create function posthorn.is_in_bounds(payload text, channel text, "timestamp" timestamptz, idempotency_key text)
returns boolean
language sql immutable parallel safe
begin atomic
  select (octet_length(payload) <= 262144) is true
    and (length(channel) between 1 and 255) is not false
    and ("timestamp" between '0001-01-01 00:00:00+00' and '9999-12-31 23:59:59.999999+00') is not false
    and (length(idempotency_key) between 1 and 255) is not false;
end;

-- Raises PH400 where an event can't be taken, with what is wrong and, as the column, the field that it is wrong in.
-- `own` lets pass the service's own types, which nobody else may publish.
create function posthorn.check_event(
  tenant text, type text, payload text, channel text, "timestamp" timestamptz, idempotency_key text, own boolean
) returns void
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
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

-- A traceparent as W3C's Trace Context has it; null where a text is none. Of a later version than 00 what 00 knows is kept.
create function posthorn.trace_parent(given text) returns text
language plpgsql immutable strict parallel safe
set search_path = pg_catalog, posthorn, pg_temp
as $$
begin
  if given ~ '^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$'
    and (length(given) = 55 or left(given, 2) <> '00') then
    return '00' || substr(given, 3, 53);
  end if;
  return null;
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
$$;

-- Those of the types whose payloads have to fit a schema: the tenant's own of a name goes before the shared one.
create function posthorn.enforced_types(tenant text, types text[]) returns text[]
language sql stable
begin atomic
  select array(
    select t.name from posthorn.event_types as t
    where t.tenant = any (array[enforced_types.tenant, '*']) and t.name = any (types) and t.enforce and t.schema is not null
      and not (t.tenant = '*' and exists (
        select from posthorn.event_types as own where own.tenant = enforced_types.tenant and own.name = t.name
      ))
  );
end;
