// A role that owns things in `public`, as apps do, and plants there whatever a statement of ours could take for pg_catalog's.
import { readdirSync, readFileSync } from "node:fs";

import pg from "pg";

/** What the texts of our statements, functions and migrations are made of. */
function ourSql(): string {
  const root = new URL("../../", import.meta.url);
  const read = (folder: string, ending: string) =>
    readdirSync(new URL(folder, root), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith(ending))
      .map((name) => readFileSync(new URL(`${folder}${name}`, root), "utf8"));
  return [...read("src/", ".ts"), ...read("db/migrations/", ".sql")].join("\n");
}

// Of arguments in our statements, and what pg_catalog would turn one into for want of an exact match.
const TYPES = [
  ..."boolean smallint integer bigint float8 numeric text varchar name uuid timestamptz interval date".split(
    " ",
  ),
  ..."bytea json jsonb oid regclass xid".split(" "),
  ..."text[] uuid[] bigint[] integer[] timestamptz[]".split(" "),
];

/**
 * Plants operators, functions, casts and types of every signature that our statements could mean, as a role that is no
 * superuser. Each notes when it runs with another's rights; `ran` answers how often that was, and of which.
 */
export async function plant(url: string, role: string) {
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const text = ourSql();
  const names = async (statement: string) =>
    (await sql.query<{ name: string }>(statement)).rows.map(({ name }) => name);
  const inUse = {
    functions: (
      await names(
        "select distinct proname as name from pg_proc where pronamespace = 'pg_catalog'::regnamespace",
      )
    ).filter((name) => new RegExp(`\\b${name}\\s*\\(`).test(text)),
    operators: (
      await names(
        "select distinct oprname as name from pg_operator where oprnamespace = 'pg_catalog'::regnamespace",
      )
    ).filter((name) => text.includes(` ${name} `)),
  };
  await sql.query(`grant all on schema public to ${role}; set role ${role}`);
  await sql.query(NOTE.replaceAll("ROLE", role));
  await sql.query("select set_config('plant.types', $1, false)", [TYPES.join()]);
  await sql.query("select set_config('plant.functions', $1, false)", [inUse.functions.join()]);
  await sql.query("select set_config('plant.operators', $1, false)", [inUse.operators.join(" ")]);
  await sql.query("set check_function_bodies = off");
  for (const statement of [OPERATORS, FUNCTIONS, CASTS_AND_TYPES]) await sql.query(statement);
  await sql.query("reset role");
  const { rows } = await sql.query<{ functions: number; operators: number }>(
    `select (select count(*)::integer from pg_proc where pronamespace = 'public'::regnamespace) as functions,
       (select count(*)::integer from pg_operator where oprnamespace = 'public'::regnamespace) as operators`,
  );
  return {
    inUse,
    planted: rows[0] ?? { functions: 0, operators: 0 },
    /** Survives a rollback, as a sequence does. */
    ran: async () =>
      (
        await sql.query<{ count: number; what: string[] }>(
          `select case when is_called then last_value else 0 end::integer as count,
           array(select distinct what from public.stolen) as what from public.ran`,
        )
      ).rows[0],
    close: () => sql.end(),
  };
}

const NOTE = `
  create sequence public.ran;
  create table public.stolen (what text);
  grant usage, select on sequence public.ran to public;
  grant all on public.stolen to public;
  create function public.note_run(what text) returns boolean language plpgsql
  set search_path = pg_catalog, pg_temp as $$
  begin
    if not current_user::text operator(pg_catalog.=) 'ROLE'::text then
      perform pg_catalog.nextval('public.ran'::pg_catalog.regclass);
      insert into public.stolen (what) values (what);
    end if;
    return false;
  end $$`;

// By pg_catalog's own rules, whatever is planted meanwhile.
const LOOP = (body: string) => `do $do$
declare
  types text[] := string_to_array(current_setting('plant.types'), ',');
  a text; b text; c record; signature text;
begin
  perform set_config('search_path', 'pg_catalog', true);
  ${body}
end $do$`;

const OPERATORS = LOOP(`
  foreach a in array types loop
    foreach b in array types loop
      foreach signature in array array['boolean', a] loop
        execute format('create or replace function public.%I (%s, %s) returns %s language plpgsql as $f$ begin perform public.note_run(%L); return null; end $f$',
          'op_' || signature, a, b, signature, 'operator ' || a || ' ' || b);
      end loop;
      for c in select name from unnest(string_to_array(current_setting('plant.operators'), ' ')) as name loop
        execute format('create operator public.%s (leftarg = %s, rightarg = %s, function = public.%I)', c.name, a, b,
          'op_' || case when c.name in ('+', '-', '*', '/', '%', '||', '&', '|', '->', '#>', '<<', '>>', '^') then a else 'boolean' end);
      end loop;
    end loop;
  end loop;`);

// Of each signature: as it is, and with what pg_catalog would turn into its arguments, one at a time and all at once.
const FUNCTIONS = LOOP(`
  for c in
    select distinct p.proname, list.arguments, case when t.typtype = 'p' then 'text' else format_type(p.prorettype, null) end as result
    from pg_proc as p join pg_type as t on t.oid = p.prorettype
    cross join lateral (
      select string_agg(coalesce(case when at.typtype = 'p' then coalesce(other, 'text') end,
        case when replaced.position = 0 or replaced.position = arg.position then other end, format_type(arg.type, null)), ', ' order by arg.position) as arguments
      from generate_series(-1, p.pronargs) as replaced (position)
      cross join unnest(array[null] || types) as other
      cross join unnest(p.proargtypes::oid[]) with ordinality as arg (type, position)
      join pg_type as at on at.oid = arg.type
      group by replaced.position, other
    ) as list
    where p.pronamespace = 'pg_catalog'::regnamespace and p.pronargs between 1 and 4
      and p.proname = any (string_to_array(current_setting('plant.functions'), ','))
  loop
    begin
      execute format('create function public.%I (%s) returns %s language plpgsql as $f$ begin perform public.note_run(%L); return null; end $f$',
        c.proname, c.arguments, c.result, c.proname || '(' || c.arguments || ')');
    exception when duplicate_function or invalid_function_definition or undefined_object or feature_not_supported then null;
    end;
  end loop;`);

const CASTS_AND_TYPES = LOOP(`
  create type public.planted as (x integer);
  foreach a in array types loop
    execute format('create function public.to_planted(%s) returns public.planted language plpgsql as $f$ begin perform public.note_run(%L); return null; end $f$', a, 'cast of ' || a);
    execute format('create function public.from_planted(public.planted, %s) returns %s language plpgsql as $f$ begin perform public.note_run(%L); return null; end $f$', a, a, 'cast to ' || a);
    execute format('create cast (%s as public.planted) with function public.to_planted(%s) as implicit', a, a);
    -- A function of a type's name looks like a cast; a type of its name would be a domain that checks.
    foreach b in array types loop
      begin
        execute format('create function public.%I (%s) returns %s language plpgsql as $f$ begin perform public.note_run(%L); return null; end $f$', replace(a, '[]', ''), b, a, a || '(' || b || ')');
      exception when duplicate_function then null;
      end;
    end loop;
    if a not like '%[]' then
      execute format('create domain public.%I as pg_catalog.%I check (public.note_run(%L))', a,
        (select typname from pg_type where oid = to_regtype(a)), 'domain ' || a);
    end if;
  end loop;`);
