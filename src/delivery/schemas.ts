// The schemas of what came by SQL: PostgreSQL knows no JSON Schema, so such payloads are judged before an attempt.
import type { Db } from "../database/connect.ts";
import { findEnforcedSchemas, type EnforcedSchema } from "../store/event-types.ts";
import type { EventToSend } from "../store/events-to-send.ts";

/** The schema that an event's payload is yet to be judged by, if there is one. */
export type SchemaOf = (event: EventToSend) => EnforcedSchema | undefined;

/**
 * Answers, of each event that nobody has judged yet, the schema that it has to fit, if there is one. Read for a whole
 * claim before anything of it starts: while a request waited for this, its webhook could be unsubscribed, its lease
 * run out, and a database that is away would break off an attempt that had not begun.
 */
export async function loadSchemas(db: Db, events: readonly EventToSend[]): Promise<SchemaOf> {
  const unjudged = events.filter((event) => !event.schema_checked);
  const found = new Map<string, EnforcedSchema>();
  for (const tenant of new Set(unjudged.map((event) => event.tenant))) {
    const types = unjudged.filter((event) => event.tenant === tenant).map(({ type }) => type);
    for (const schema of await findEnforcedSchemas(db, tenant, types))
      found.set(`${tenant} ${schema.name}`, schema);
  }
  return ({ schema_checked, tenant, type }) =>
    schema_checked ? undefined : found.get(`${tenant} ${type}`);
}
