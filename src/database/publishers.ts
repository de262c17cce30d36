// The roles that may publish by SQL; who they are is said by posthorn.allow_publish.
import { sql } from "kysely";

import type { Db } from "./connect.ts";

/** Forgets the roles that are gone. They let nobody in; but a number that stays may be another role's in a restored copy. */
export async function forgetDroppedRoles(db: Db): Promise<void> {
  await sql`
    delete from posthorn.publishers as p
    where not exists (select from pg_catalog.pg_roles as r where r.oid = p.role)`.execute(db);
}
