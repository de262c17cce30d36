// Event types: the shared list under tenant '*', and each tenant's own before it.
import { sql, type Transaction } from "kysely";

import type { Sized } from "../kernel/lists.ts";
import type { Db } from "../database/connect.ts";
import { lock, lockOf } from "../database/locks.ts";
import type { Schema } from "../database/schema.ts";
import { keepTypeVersions } from "./event-type-versions.ts";
import { withinBytes } from "./within-bytes.ts";

/** The tenant of the types that every tenant has; no tenant can be named so. */
const SHARED = "*";

export type EventTypeRow = {
  /** Whose it is: the tenant's own, or `*`. */
  tenant: string;
  name: string;
  description: string | null;
  /** JSON text, as its author gave it. */
  schema: string | null;
  example: string | null;
  enforce: boolean;
  created_at: Date;
  updated_at: Date;
  archived_at: Date | null;
};

export type EventTypeValues = {
  description: string | null;
  /** JSON text. */
  schema: string | null;
  example: string | null;
  enforce: boolean;
};

/** Brings the shared list to what this program ships; types that it no longer ships stay. */
export async function writeSharedTypes(
  db: Db,
  types: readonly (EventTypeValues & { name: string })[],
): Promise<void> {
  const text = JSON.stringify(types);
  const { rows } = await sql<{ name: string }>`
    insert into posthorn.event_types as t
      (tenant, name, description, schema, example, enforce, created_at, updated_at)
    select ${SHARED}, name, description, schema::json, example::json, enforce, now(), now()
    from json_to_recordset(${text}::json)
      as shipped (name text, description text, schema text, example text, enforce boolean)
    order by name
    on conflict (tenant, name) do update set
      description = excluded.description, schema = excluded.schema, example = excluded.example,
      enforce = excluded.enforce, updated_at = excluded.updated_at
    where (t.description, t.schema::text, t.example::text, t.enforce)
      is distinct from (excluded.description, excluded.schema::text, excluded.example::text, excluded.enforce)
    returning name`.execute(db);
  const changed = rows.map(({ name }) => name);
  if (changed.length > 0) await keepTypeVersions(db, SHARED, changed, null);
}

/** A type that the tenant has, archived or not, or undefined. */
export async function findEventType(
  db: Db,
  tenant: string,
  name: string,
): Promise<EventTypeRow | undefined> {
  const { rows } = await sql<EventTypeRow>`
    select ${COLUMNS} from (${visible(tenant, sql`name = ${name}`)}) as visible`.execute(db);
  return rows[0];
}

/** The same, locked against other changes of it until the transaction ends, also where the tenant has no row of its own. */
export async function lockEventType(
  trx: Transaction<Schema>,
  tenant: string,
  name: string,
): Promise<EventTypeRow | undefined> {
  await lock(trx, lockOf(`event type ${tenant} ${name}`));
  return findEventType(trx, tenant, name);
}

/** The tenant's types by name, those after `after` only; without the archived ones. */
export async function listEventTypes(
  db: Db,
  tenant: string,
  page: { after: string | null; limit: number; bytesMax: number },
): Promise<(EventTypeRow & Sized)[]> {
  const ofPage = sql`
    select * from (${visible(tenant, sql`name > ${page.after ?? ""}`)}) as visible
    where archived_at is null order by name limit ${page.limit}`;
  const within = withinBytes(ofPage, {
    size: sql`coalesce(octet_length(schema::text), 0) + coalesce(octet_length(example::text), 0)`,
    order: sql`name`,
    bytesMax: page.bytesMax,
  });
  const { rows } = await sql<EventTypeRow & Sized>`
    select ${COLUMNS}, bytes_to_here, is_followed from ${within} as within order by name`.execute(
    db,
  );
  return rows;
}

/** How many types of its own the tenant has, the archived too, counted to `limit` at most. */
export async function countEventTypes(db: Db, tenant: string, limit: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (
      select from posthorn.event_types where tenant = ${tenant} limit ${limit}
    ) as counted`.execute(db);
  return rows[0]?.count ?? 0;
}

/** A schema that payloads are held to; another version is another schema. */
export type EnforcedSchema = { name: string; schema: unknown; version: string };

/** Which of the types judge their payloads, with the schemas they judge by. */
export async function findEnforcedSchemas(
  db: Db,
  tenant: string,
  names: readonly string[],
): Promise<EnforcedSchema[]> {
  const { rows } = await sql<EnforcedSchema>`
    select name, schema, updated_at::text as version
    from (${visible(tenant, sql`name = any (${[...new Set(names)]}::text[])`)}) as visible
    where enforce and schema is not null`.execute(db);
  return rows;
}

/** The tenant's own row, made or written over. */
export async function writeEventType(
  db: Db,
  tenant: string,
  name: string,
  values: EventTypeValues & { archived: boolean },
): Promise<EventTypeRow> {
  const row = await upsert(db, tenant, name, values, sql``);
  if (!row) throw new Error("an upsert without a row");
  return row;
}

/** The tenant's own row, made; undefined where it has one that is not archived. */
export function createEventType(
  db: Db,
  tenant: string,
  name: string,
  values: EventTypeValues,
): Promise<EventTypeRow | undefined> {
  return upsert(
    db,
    tenant,
    name,
    { ...values, archived: false },
    sql`where t.archived_at is not null`,
  );
}

async function upsert(
  db: Db,
  tenant: string,
  name: string,
  values: EventTypeValues & { archived: boolean },
  condition: ReturnType<typeof sql>,
): Promise<EventTypeRow | undefined> {
  const { rows } = await sql<EventTypeRow>`
    insert into posthorn.event_types as t
      (tenant, name, description, schema, example, enforce, created_at, updated_at, archived_at)
    select ${tenant}, ${name}, ${values.description}, ${values.schema}::json, ${values.example}::json,
      ${values.enforce}, clock.at, clock.at, case when ${values.archived} then clock.at end
    from (select now() as at) as clock
    on conflict (tenant, name) do update set
      description = excluded.description, schema = excluded.schema, example = excluded.example,
      enforce = excluded.enforce, updated_at = excluded.updated_at, archived_at = excluded.archived_at
    ${condition}
    returning ${COLUMNS}`.execute(db);
  return rows[0];
}

// The JSON as its text: read, it would be parsed, only to be printed.
const COLUMNS = sql`tenant, name, description, schema::text, example::text, enforce, created_at, updated_at, archived_at`;

/** The types, archived ones too, whose names begin so. */
export async function listTypesUnder(db: Db, tenant: string, prefix: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from (${visible(tenant, sql`starts_with(name, ${prefix})`)}) as visible`.execute(
    db,
  );
  return rows.map((row) => row.name);
}

// A tenant's own row goes before the shared one of the same name.
function visible(tenant: string, condition: ReturnType<typeof sql>) {
  return sql<EventTypeRow>`
    select distinct on (name) tenant, name, description, schema, example, enforce, created_at, updated_at, archived_at
    from posthorn.event_types
    where tenant in (${tenant}, ${SHARED}) and ${condition}
    order by name, tenant = ${SHARED}`;
}

/** The names of every type that can be subscribed to. */
export async function listEventTypeNames(db: Db, tenant: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select name from (${visible(tenant, sql`true`)}) as visible
    where archived_at is null order by name`.execute(db);
  return rows.map((row) => row.name);
}
