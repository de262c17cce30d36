// Forwards what was published in one database to the cells where its tenants live. A cell that is away keeps its own tenants waiting,
// and nobody else's.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent, SessionRefused } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { forwardBatch, listWaiting, type Waiting } from "../queue/forwards.ts";

const WAIT_MS = 1 * SECOND; // after a cell's first failure, then twice as long each time
const WAIT_MS_MAX = 30 * SECOND; // one that comes back is heard of within it

type Trouble = { failures: number; until: number };

/** What one run has done; `isMore` says that the next one has something to do at once. */
export type Forwarded = { forwarded: number; isMore: boolean };

/**
 * Makes the task that forwards what was published in `from`: each run takes a batch of every tenant that has one, cell beside cell.
 * Any number of processes may. `to` answers the pool of a cell, or nothing where there is none now.
 */
export function createForwarder(options: {
  from: pg.Pool;
  to: (cell: string) => pg.Pool | undefined;
  /** For how many days events are kept. */
  retentionD: number;
  clock: MonotonicClock;
  log: Log;
}): () => Promise<Forwarded> {
  const { from, to, retentionD, clock, log } = options;
  const troubles = new Map<string, Trouble>();

  function failed(cell: string, err: unknown): void {
    const failures = (troubles.get(cell)?.failures ?? 0) + 1;
    const waitMs = Math.min(WAIT_MS * 2 ** (failures - 1), WAIT_MS_MAX);
    troubles.set(cell, { failures, until: clock() + waitMs });
    if (failures === 1 || !isDatabaseAbsent(err))
      log.warn({ err, to: cell, waitMs }, "events can't be forwarded to a cell: they wait for it");
  }

  async function forwardTo(cell: string, waiting: readonly Waiting[]): Promise<Forwarded> {
    const sum: Forwarded = { forwarded: 0, isMore: false };
    const pool = to(cell);
    try {
      if (!pool) throw new SessionRefused(`there is no connection to the cell ${cell}`);
      for (const each of waiting) {
        const { forwarded, isMore, setAside } = await forwardBatch(from, pool, each, retentionD);
        sum.forwarded += forwarded;
        sum.isMore ||= isMore;
        if (setAside)
          log.error(
            { err: setAside.error, tenant: each.tenant, to: cell, event: setAside.id },
            "an event that its tenant's cell can't take was set aside: see posthorn.forwards where set_aside_at is not null",
          );
      }
      troubles.delete(cell);
    } catch (err) {
      failed(cell, err);
    }
    return sum;
  }

  return async () => {
    const now = clock();
    const away = [...troubles].filter(([, { until }]) => until > now).map(([cell]) => cell);
    const all = await listWaiting(from, away);
    const cells = [...new Set(all.map(({ cell }) => cell))];
    const sums = await Promise.all(
      cells.map((cell) =>
        forwardTo(
          cell,
          all.filter((each) => each.cell === cell),
        ),
      ),
    );
    return {
      forwarded: sums.reduce((total, { forwarded }) => total + forwarded, 0),
      isMore: sums.some(({ isMore }) => isMore),
    };
  };
}
