// Tells the operator where the database was migrated past what this program works with, while it runs.
import type pg from "pg";

import { newestVersion } from "../database/migrate.ts";
import { schemaState, whyOutgrown } from "../database/schema-state.ts";
import type { Log } from "../kernel/log.ts";

/** Creates the look at the schema; each finds no work, and says again what is so still. */
export function createSchemaWatch(pool: pg.Pool, log: Log): () => Promise<number> {
  const newest = newestVersion();
  return async () => {
    const outgrown = whyOutgrown(await schemaState(pool), newest);
    if (outgrown !== null) log.error(outgrown);
    return 0;
  };
}
