// What event types were: whoever asks why a payload was refused last week needs the schema of then.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import type { Sized } from "../kernel/lists.ts";
import { CONFIGURED_KEY } from "./webhook-changes.ts";
import { withinBytes } from "./within-bytes.ts";

/** Of a type. Each may have 128 KiB of schema and example. */
const VERSIONS_MAX = 20;

/** Who changes it: a key's id, or null for the service itself. */
export type ChangedBy = string | null;

/**
 * Keeps what these types are now as a version of each, where that is another than its last; the oldest beyond the twenty that are kept go.
 * In the transaction that has changed them, which holds their rows.
 */
export async function keepTypeVersions(
  trx: Db,
  tenant: string,
  names: readonly string[],
  by: ChangedBy,
): Promise<void> {
  const isConfigured = by === CONFIGURED_KEY.id;
  await sql`
    with changed as (
      select t.*, coalesce(last.version, 0) + 1 as version
      from posthorn.event_types as t
      left join lateral (
        select * from posthorn.event_type_versions as v
        where v.tenant = t.tenant and v.name = t.name order by v.version desc limit 1
      ) as last on true
      where t.tenant = ${tenant} and t.name = any (${names}::text[])
        and (last.description, last.schema::text, last.example::text, last.enforce, last.is_archived)
          is distinct from (t.description, t.schema::text, t.example::text, t.enforce, t.archived_at is not null)
    ),
    made as (
      insert into posthorn.event_type_versions
        (tenant, name, version, changed_at, made_by, made_by_name, description, schema, example, enforce, is_archived)
      select c.tenant, c.name, c.version, c.updated_at, k.id, coalesce(${isConfigured ? CONFIGURED_KEY.name : null}, k.name),
        c.description, c.schema, c.example, c.enforce, c.archived_at is not null
      from changed as c
      left join posthorn.keys as k on k.id = ${isConfigured ? null : by}::uuid
    )
    delete from posthorn.event_type_versions as v using changed as c
    where v.tenant = c.tenant and v.name = c.name and v.version <= c.version - ${VERSIONS_MAX}`.execute(
    trx,
  );
}

/** A version of a type; schema and example are JSON text, as their author gave them. */
export type TypeVersionRow = {
  version: number;
  changed_at: Date;
  made_by: string | null;
  made_by_name: string | null;
  description: string | null;
  schema: string | null;
  example: string | null;
  enforce: boolean;
  is_archived: boolean;
};

/** A type's versions before one, the newest first: no more of them than `limit`, nor than hold `bytesMax` together. */
export async function listTypeVersions(
  db: Db,
  { tenant, name }: { tenant: string; name: string },
  { before, limit, bytesMax }: { before: number | null; limit: number; bytesMax: number },
): Promise<(TypeVersionRow & Sized)[]> {
  const page = sql`
    select * from posthorn.event_type_versions
    where tenant = ${tenant} and name = ${name} and ${before === null ? sql`true` : sql`version < ${before}`}
    order by version desc limit ${limit}`;
  const size = sql`coalesce(octet_length(schema::text), 0) + coalesce(octet_length(example::text), 0)`;
  const { rows } = await sql<TypeVersionRow & Sized>`
    select version, changed_at, made_by, made_by_name, description, schema::text, example::text, enforce, is_archived,
      bytes_to_here, is_followed
    from ${withinBytes(page, { size, order: sql`version desc`, bytesMax })} as within
    order by version desc`.execute(db);
  return rows;
}
