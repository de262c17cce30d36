// What this process has done, a line a minute where there is something to tell.
import type pg from "pg";

import type { Log } from "../kernel/log.ts";
import { countPending } from "../queue/pending.ts";
import type { Settlement } from "../queue/settle.ts";

export type Totals = {
  /** Takes what is written down. */
  settled(settlements: readonly Settlement[]): void;
  /** Tells what was done since it last did; `unwritten` are the outcomes that are kept in memory. Answers 0: it is no work. */
  tell(unwritten: number): Promise<number>;
};

/** Creates the totals of one process that delivers. */
export function createTotals(pool: pg.Pool, log: Log): Totals {
  let done = { delivered: 0, failed: 0, dead: 0 };
  return {
    settled(settlements) {
      for (const { verdict } of settlements) {
        if (verdict === "delivered") done.delivered++;
        else done.failed++;
        if (verdict === "dead") done.dead++;
      }
    },
    async tell(unwritten) {
      if (done.delivered + done.failed + unwritten === 0) return 0;
      const pending = await countPending(pool);
      log.info({ ...done, pending, unwritten }, "the last minute");
      done = { delivered: 0, failed: 0, dead: 0 };
      return 0;
    },
  };
}
