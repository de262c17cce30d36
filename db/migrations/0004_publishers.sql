-- Who may publish by SQL.
--
-- PL/pgSQL is read by the rules of whichever session calls it: `standard_conforming_strings` may be off in a user's, so no
-- literal has a backslash, but where it is an E'…'.

-- Whether a text can be a tenant's name.
create function posthorn.is_tenant(name text) returns boolean
language sql immutable parallel safe
begin atomic
  select (name ~ '^[a-z0-9_-]{1,64}$') is true;
end;

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

-- Every face of posthorn.publish, as GRANT wants them.
create function posthorn.publish_functions() returns text
language sql stable
begin atomic
  select string_agg(p.oid::regprocedure::text, ', ') from pg_catalog.pg_proc as p
  where p.pronamespace = 'posthorn'::regnamespace and p.proname = 'publish';
end;

-- Lets a role publish for a tenant, or with '*' for every one, and nothing else. For the schema's owner.
create function posthorn.allow_publish(role text, tenant text default 'default') returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
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
$$;

-- Gives every publisher the faces of posthorn.publish that there are: one that a migration has made anew is nobody's.
create function posthorn.grant_publishers() returns void
language plpgsql volatile
set search_path = pg_catalog, posthorn, pg_temp
as $$
declare
  publisher name;
begin
  for publisher in
    select distinct r.rolname from posthorn.publishers as p join pg_catalog.pg_roles as r on r.oid = p.role
  loop
    execute format('grant execute on function %s to %I', posthorn.publish_functions(), publisher);
  end loop;
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
$$;
