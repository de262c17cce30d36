// Keeps the days: those ahead are made before they are needed, those past their retention are let go.
import type pg from "pg";

import { databaseError } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { findLockShortage } from "../database/lock-room.ts";
import { countDaysAhead, makePartitions, PARTITION_DAYS_AHEAD } from "../database/partitions.ts";
import { retirePartitions } from "../queue/retention.ts";

const DAYS_AHEAD_MIN = PARTITION_DAYS_AHEAD / 2; // a week in which nobody has made more, and a week to find somebody
const DAY_LENGTH = "20261125".length; // which a partition's name ends with
const INSUFFICIENT_PRIVILEGE = "42501";

/** Makes the hourly task that keeps the partitions. That a role may not is logged once: another process has to. */
export function createPartitionKeeper(options: {
  pool: pg.Pool;
  retentionD: number;
  payloadRetentionD: number;
  /** Called with the days that somebody's open transaction has kept. */
  postponed?: (days: number) => void;
  log: Log;
}): (signal: AbortSignal) => Promise<number> {
  const { pool, log, postponed = () => {} } = options;
  let isReported = false;
  let isFirst = true;

  async function allowed(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (err) {
      if (databaseError(err)?.code !== INSUFFICIENT_PRIVILEGE) throw err;
      if (!isReported)
        log.warn({ err }, "this role may not make or drop partitions; another process has to");
      isReported = true;
    }
  }

  async function warnOfLocks(): Promise<void> {
    const shortage = await findLockShortage(pool, options.retentionD);
    if (shortage)
      log.warn(
        shortage,
        `the server's table of locks has no room for ${options.retentionD} days of retention: a backup, or a view read without bounds, can fail with "out of shared memory", in its other databases too; set max_locks_per_transaction to ${shortage.needed} or more and restart PostgreSQL`,
      );
  }

  return async (signal) => {
    if (isFirst) await warnOfLocks();
    isFirst = false;
    await allowed(() => makePartitions(pool, PARTITION_DAYS_AHEAD));
    const days = await countDaysAhead(pool);
    if (days < DAYS_AHEAD_MIN)
      log.warn(
        { days },
        "partitions are running out, and without one nothing can be published: run posthorn migrate or a worker as the schema's owner",
      );
    await allowed(async () => {
      const retired = await retirePartitions({ ...options, signal });
      postponed(new Set(retired.postponed.map((name) => name.slice(-DAY_LENGTH))).size);
    });
    return 0;
  };
}
