-- What an event has to be, and who may publish it. The doors themselves, and store_events behind both of them, are in 0007.
--
-- PL/pgSQL is read by the rules of whichever session calls it: `standard_conforming_strings` may be off in a user's, so no
-- literal has a backslash, but where it is an E'…'.

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
  raise exception using errcode = 'PH404', column = 'type',
    message = format('type: %s is not an event type of this tenant; create it with event_types.create', unknown[1]);
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
$$;

-- The role of a name, where there is one that can be let in.
create function posthorn.publisher(role text) returns regrole
language plpgsql stable
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Lets a role publish for a tenant, or with '*' for every one, and nothing else. For the schema's owner.
create function posthorn.allow_publish(role text, tenant text default 'default') returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
declare
  publisher regrole := posthorn.publisher(role);
begin
  if tenant is null or tenant !~ '^([a-z0-9_-]{1,64}|[*])$' then
    raise exception using errcode = 'PH400', column = 'tenant',
      message = 'tenant: 1 to 64 of a-z, 0-9, _ and -, or * for every tenant, are needed';
  end if;
  execute format('grant usage on schema posthorn to %I', role);
  execute format('grant execute on function '
    'posthorn.publish(text, text, text, text, timestamptz, text), '
    'posthorn.publish(text, json, text, text, timestamptz, text), '
    'posthorn.publish(text, jsonb, text, text, timestamptz, text) to %I', role);
  insert into posthorn.publishers (role, tenant) values (publisher, tenant) on conflict do nothing;
end
$$;

-- Takes back what allow_publish gave for a tenant, or with '*' for every one; with a role's last tenant its rights go too.
-- A call that is under way is finished.
create function posthorn.disallow_publish(role text, tenant text default 'default') returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
declare
  publisher regrole := posthorn.publisher(role);
begin
  delete from posthorn.publishers as p
  where p.role = publisher and disallow_publish.tenant in (p.tenant, '*');
  if not exists (select from posthorn.publishers as p where p.role = publisher) then
    execute format('revoke execute on function '
      'posthorn.publish(text, text, text, text, timestamptz, text), '
      'posthorn.publish(text, json, text, text, timestamptz, text), '
      'posthorn.publish(text, jsonb, text, text, timestamptz, text) from %I', role);
    -- Who may also read, by the views, needs the schema for that.
    if not exists (
      select from pg_catalog.pg_class as c, aclexplode(c.relacl) as given
      where c.relnamespace = 'posthorn'::regnamespace and given.grantee = publisher
    ) then
      execute format('revoke usage on schema posthorn from %I', role);
    end if;
  end if;
end
$$;

revoke execute on all functions in schema posthorn from public;
