// Tells the operator of transactions that are open for long: they make every claim step over what is long finished.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { findOpenTransactions, type OpenTransaction } from "../database/old-transactions.ts";

const AGE_S_MAX = 60; // a user's transaction takes milliseconds; a dump of an hour is worth a line
const AGAIN_MS = 10 * MINUTE; // between two warnings of one transaction

/**
 * Creates the look at open transactions: each old one is warned of at once, and again while it stays. Of one that the
 * database does not tell the beginning of, it counts from the first look that saw it.
 */
export function createTransactionWatch(options: {
  pool: pg.Pool;
  monotonic: MonotonicClock;
  log: Log;
  ageS?: number;
}): () => Promise<number> {
  const { pool, monotonic, log, ageS = AGE_S_MAX } = options;
  let known = new Map<string, { seenAt: number; warnedAt: number }>();

  function look({ since, age_s, xid, ...session }: OpenTransaction, now: number): Looked {
    const key = `${session.pid} ${session.gid} ${since?.toISOString() ?? xid}`;
    const { seenAt, warnedAt } = known.get(key) ?? { seenAt: now, warnedAt: -Infinity };
    const ageMs = age_s === null ? now - seenAt : age_s * SECOND;
    const isOld = since !== null || ageMs > ageS * SECOND;
    const isDue = isOld && now - warnedAt >= AGAIN_MS;
    if (isDue) log.warn({ ...session, age_s: Math.round(ageMs / SECOND) }, WARNING);
    return { key, seenAt, warnedAt: isDue ? now : warnedAt, isOld };
  }

  return async () => {
    const found = await findOpenTransactions(pool, ageS);
    const now = monotonic();
    const looked = found.map((transaction) => look(transaction, now));
    known = new Map(looked.map(({ key, seenAt, warnedAt }) => [key, { seenAt, warnedAt }]));
    return looked.filter(({ isOld }) => isOld).length;
  };
}

type Looked = { key: string; seenAt: number; warnedAt: number; isOld: boolean };

const WARNING =
  "a transaction has been open for long: until it ends nothing can be cleaned away, and deliveries slow down";
