// Clears the database of tenants that have moved to another cell, and sends on what is committed here late.
import type pg from "pg";

import { clearNext, listLeft } from "../database/move/leave.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";

const LOOK_EVERY_MS = 5 * SECOND; // a look at the days of a week for each tenant that has moved
const WAIT_MS = 30 * SECOND; // where a tenant's cell is away

/**
 * Makes the task: each run takes a step for every tenant that has left `from` and has something there; answers whether the next one has
 * something to do at once. Any number of processes may. `to` answers the pool of a cell, or nothing where there is none now.
 */
export function createClearing(options: {
  from: pg.Pool;
  to: (cell: string) => pg.Pool | undefined;
  /** For how many days events are kept. */
  retentionD: number;
  clock: MonotonicClock;
  log: Log;
}): () => Promise<boolean> {
  const { from, to, retentionD, clock, log } = options;
  const awayUntil = new Map<string, number>();
  let nextLookAt = -Infinity;

  return async () => {
    if (clock() < nextLookAt) return false;
    const away = [...awayUntil].filter(([, until]) => until > clock()).map(([cell]) => cell);
    let isMore = false;
    for (const left of await listLeft(from, away)) {
      const { tenant, cell } = left;
      const pool = to(cell);
      try {
        if (!pool) throw new Error(`there is no connection to the cell ${cell}`);
        const done = await clearNext(from, pool, left, retentionD);
        isMore ||= (done?.deleted ?? 0) > 0;
        if (done && done.late > 0)
          log.info(
            { tenant, cell, events: done.late },
            "events that were committed after their tenant had moved are sent on to its cell",
          );
        awayUntil.delete(cell);
      } catch (err) {
        awayUntil.set(cell, clock() + WAIT_MS);
        if (!isDatabaseAbsent(err))
          log.warn(
            { err, tenant, cell },
            "what a moved tenant has left can't be cleared: it waits",
          );
      }
    }
    if (!isMore) nextLookAt = clock() + LOOK_EVERY_MS;
    return isMore;
  };
}
