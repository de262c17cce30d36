// Keeps the days: those ahead are made before they are needed, those past their retention are let go.
import type pg from "pg";

import { databaseError } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { countDaysAhead, makePartitions } from "../database/partitions.ts";
import { retirePartitions } from "../queue/retention.ts";

const DAYS_AHEAD_MIN = 14; // two weeks to find somebody with the right to make more
const INSUFFICIENT_PRIVILEGE = "42501";

/** Makes the hourly task that keeps the partitions. A role that may not is told of once: another process has to. */
export function createPartitionKeeper(options: {
  pool: pg.Pool;
  url: string;
  retentionD: number;
  payloadRetentionD: number;
  log: Log;
}): (signal: AbortSignal) => Promise<number> {
  const { pool, log } = options;
  let isTold = false;

  async function allowed(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (err) {
      if (databaseError(err)?.code !== INSUFFICIENT_PRIVILEGE) throw err;
      if (!isTold)
        log.warn({ err }, "this role may not make or drop partitions; another process has to");
      isTold = true;
    }
  }

  return async (signal) => {
    await allowed(() => makePartitions(pool));
    const days = await countDaysAhead(pool);
    if (days < DAYS_AHEAD_MIN)
      log.warn(
        { days },
        "partitions are running out, and without one nothing can be published: run posthorn migrate or a worker as the schema's owner",
      );
    await allowed(() => retirePartitions({ ...options, signal }));
    return 0;
  };
}
