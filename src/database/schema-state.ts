// How far the schema of a database has come, and whether a program works with it.
import type pg from "pg";

/** The newest migration that was applied, and from which version on a program works with it: the one before, unless a migration says more. */
export type SchemaState = { version: number; works_from: number };

/** Both are 0 where the database has no schema of ours. */
export async function schemaState(client: pg.ClientBase | pg.Pool): Promise<SchemaState> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "select to_regclass('posthorn.migrations') is not null as exists",
  );
  if (found[0]?.exists !== true) return { version: 0, works_from: 0 };
  const { rows } = await client.query<SchemaState>(
    `select coalesce(max(version), 0) as version, coalesce(max(coalesce(works_from, version - 1)), 0) as works_from
     from posthorn.migrations`,
  );
  return rows[0] ?? { version: 0, works_from: 0 };
}

/** Why a program whose newest migration is `newest` does not work with it, and what to do; null where it does. */
export function whyOutgrown({ version, works_from }: SchemaState, newest: number): string | null {
  if (works_from <= newest) return null;
  return `the database's schema is at version ${version}, newer than this program's ${newest}: start the newer posthorn (it works with programs from version ${works_from} on)`;
}
