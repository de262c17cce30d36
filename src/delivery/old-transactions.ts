// Tells the operator of transactions that are open for long: they make every claim step over what is long finished.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { findOldTransactions } from "../store/old-transactions.ts";

const AGE_S_MAX = 60; // a user's transaction takes milliseconds; a dump of an hour is worth a line
const AGAIN_MS = 10 * MINUTE; // between two warnings of one transaction

/** Creates the look at open transactions: each old one is warned of at once, and again while it stays. */
export function createTransactionWatch(options: {
  pool: pg.Pool;
  monotonic: MonotonicClock;
  log: Log;
  ageS?: number;
}): () => Promise<number> {
  const { pool, monotonic, log, ageS = AGE_S_MAX } = options;
  let warned = new Map<string, number>();
  return async () => {
    const found = await findOldTransactions(pool, ageS);
    const seen = new Map<string, number>();
    for (const transaction of found) {
      const { pid, gid, role, application, state, since, age_s } = transaction;
      const key = `${pid} ${gid} ${since.toISOString()}`;
      const last = warned.get(key);
      const isDue = last === undefined || monotonic() - last >= AGAIN_MS;
      seen.set(key, isDue ? monotonic() : last);
      if (isDue)
        log.warn(
          { pid, gid, role, application, state, age_s },
          "a transaction has been open for long: until it ends nothing can be cleaned away, and deliveries slow down",
        );
    }
    warned = seen;
    return found.length;
  };
}
