// The database's clock as a value to be written: the one clock that all processes share.
import { sql } from "kysely";

import type { Db } from "./connect.ts";

/** The database's time. */
export async function readNow(db: Db): Promise<Date> {
  const { rows } = await sql<{ now: Date }>`select now() as now`.execute(db);
  return rows[0]?.now ?? new Date(Number.NaN);
}

/** The transaction's time, or `seconds` after it. */
export function databaseTime(seconds = 0) {
  return seconds === 0 ? sql<Date>`now()` : sql<Date>`now() + ${seconds} * interval '1 second'`;
}
