// The database's clock as a value to be written: the one clock that all processes share.
import { sql } from "kysely";

/** The transaction's time, or `seconds` after it. */
export function databaseTime(seconds = 0) {
  return seconds === 0 ? sql<Date>`now()` : sql<Date>`now() + ${seconds} * interval '1 second'`;
}
