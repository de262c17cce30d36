// Event types copied from the cell where their tenant lives to the other databases, so that publish() knows them there too. Those that
// all tenants share are home's.
import type pg from "pg";

const LISTED_AT_ONCE = 1_000;
const COPIED_AT_ONCE = 8; // schema and example have up to 64 KiB each: a megabyte in this process

type Named = { tenant: string; name: string };
type Listed = Named & { revision: string; cell: string; now: Date };

/**
 * Writes into one database the types of the tenants that live in another: what has changed since a time that an earlier copy answered,
 * or without one all that are not the same. A type is never deleted, and `updated_at` is its revision.
 */
export async function copyTypes(
  from: pg.Pool,
  to: pg.Pool,
  since: Date | undefined,
): Promise<Date | undefined> {
  let readAt: Date | undefined;
  let after = ["", ""];
  for (;;) {
    // Some commit behind others that began after them.
    const { rows } = await from.query<Listed>(
      `select t.tenant, t.name, extract(epoch from t.updated_at)::text as revision, own.cell, now()
       from posthorn.event_types as t
       cross join (
         select coalesce((select value from posthorn.settings where name = 'cell'), 'home') as cell
       ) as own
       where (t.tenant, t.name) > ($1, $2)
         and t.updated_at >= coalesce($3::timestamptz - interval '1 minute', '-infinity')
         and case when t.tenant = '*' then own.cell = 'home' else exists (
           select from posthorn.placements as p where p.tenant = t.tenant and p.cell = own.cell
         ) end
       order by t.tenant, t.name limit ${LISTED_AT_ONCE}`,
      [...after, since ?? null],
    );
    readAt ??= rows[0]?.now;
    const last = rows.at(-1);
    if (!last) return readAt ?? since;
    const lacking = await listLacking(to, rows);
    for (let n = 0; n < lacking.length; n += COPIED_AT_ONCE)
      await copyThese(from, to, lacking.slice(n, n + COPIED_AT_ONCE));
    after = [last.tenant, last.name];
  }
}

// A tenant that is known to live elsewhere by now is copied from there.
async function listLacking(to: pg.Pool, listed: readonly Listed[]): Promise<Named[]> {
  const { rows } = await to.query<Named>(
    `select listed.tenant, listed.name
     from unnest($1::text[], $2::text[], $3::numeric[]) as listed (tenant, name, revision)
     where not exists (
         select from posthorn.event_types as t
         where t.tenant = listed.tenant and t.name = listed.name and extract(epoch from t.updated_at) = listed.revision
       )
       and (listed.tenant = '*' or not exists (
         select from posthorn.placements as p where p.tenant = listed.tenant and p.cell <> $4
       ))
     order by listed.tenant, listed.name`,
    [
      listed.map(({ tenant }) => tenant),
      listed.map(({ name }) => name),
      listed.map(({ revision }) => revision),
      listed[0]?.cell,
    ],
  );
  return rows;
}

// As one text, in which the JSON of schemas and examples stays as it was written.
async function copyThese(from: pg.Pool, to: pg.Pool, these: readonly Named[]): Promise<void> {
  const { rows } = await from.query<{ types: string }>(
    `select coalesce(json_agg(t order by t.tenant, t.name), '[]')::text as types
     from posthorn.event_types as t
     join unnest($1::text[], $2::text[]) as wanted (tenant, name) using (tenant, name)`,
    [these.map(({ tenant }) => tenant), these.map(({ name }) => name)],
  );
  await to.query(
    `insert into posthorn.event_types as t
     select * from json_populate_recordset(null::posthorn.event_types, $1::json)
     on conflict (tenant, name) do update set
       description = excluded.description, schema = excluded.schema, example = excluded.example, enforce = excluded.enforce,
       created_at = excluded.created_at, updated_at = excluded.updated_at, archived_at = excluded.archived_at`,
    [rows[0]?.types],
  );
}
