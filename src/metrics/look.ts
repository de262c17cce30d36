// The look at the database: by one process of all, so that what several tell can be added up.
import type pg from "pg";

import { SECOND } from "../kernel/duration.ts";
import { LOCK } from "../database/locks.ts";
import { countDaysAhead } from "../database/partitions.ts";
import { inTransaction } from "../database/transaction.ts";
import { leaveTurn, takeTurn } from "../database/turn.ts";
import { measure, type Measured } from "../queue/measure.ts";
import { readHold, type Hold } from "../queue/sending.ts";

// Longer than the minute that Prometheus lets pass between two scrapes where nothing is set. Who is killed is followed after it.
const TURN_MS = 70 * SECOND;
const LOOK_MS_MAX = 2 * SECOND;

export type Facts = Measured & { partitionDaysAhead: number; hold: Hold | null };

/** Answers null where another process tells it. */
export type Look = { ask(): Promise<Facts | null>; leave(): Promise<void> };

/** Creates the look of the process called `who`, over its pool's connections. */
export function createLook(
  pool: pg.Pool,
  { who, installation }: { who: number; installation: string | null },
  take: <T>(work: () => Promise<T>) => Promise<T> = (work) => work(),
): Look {
  const turn = { slot: LOCK.metrics, who, forMs: TURN_MS };
  let isMine = false;
  return {
    ask: () =>
      take(() =>
        inTransaction(pool, async (client) => {
          await client.query(`set local statement_timeout = ${LOOK_MS_MAX}`);
          isMine = await takeTurn(client, turn);
          if (!isMine) return null;
          const partitionDaysAhead = await countDaysAhead(client);
          const hold = await readHold(client, installation);
          return { ...(await measure(client)), partitionDaysAhead, hold };
        }),
      ),
    async leave() {
      if (isMine) await leaveTurn(pool, turn.slot, who).catch(() => {}); // its end comes by itself
    },
  };
}
