// Ordered webhooks: lets the next of a lane go once its head has finished, and finds lanes that have none.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import { advanceFreed, advanceSome, FIRST_LANE } from "../queue/lanes.ts";
import { requeueAll } from "../queue/requeue.ts";
import type { Settlement } from "../queue/settle.ts";

const LOOK_MS = 10; // between looks for free lanes; a lane whose head has just finished here is not waited for
const LOOK_SHARE = 1 / 10; // of the time, at most: with many lanes behind failing heads a look is dear and finds nothing

export type Lanes = {
  /** Says which attempts are written down: the lanes of those that ended are free. */
  settled(settlements: readonly Settlement[]): void;
  /** Looks for free lanes, unless it did so a moment ago. Answers how many heads it made ready. */
  look(): Promise<number>;
  /** Says which webhooks have ready rows outside of their lanes, left by a publish that committed after a change. */
  misplaced(webhookIds: readonly number[]): Promise<void>;
};

/** Creates the advancing of lanes; `ready` is called when heads have become ready. */
export function createLanes(options: {
  pool: pg.Pool;
  monotonic: MonotonicClock;
  ready: () => void;
  log: Log;
}): Lanes {
  const { pool, monotonic, ready, log } = options;
  let after = FIRST_LANE;
  let looksAgainAt = -Infinity;
  let freed: { webhook_id: number; lane: number }[] = [];
  let isAdvancing = false;

  async function advance(): Promise<void> {
    isAdvancing = true;
    while (freed.length > 0) {
      const batch = freed;
      freed = [];
      try {
        if ((await advanceFreed(pool, batch)) > 0) ready();
      } catch (err) {
        log.debug({ err }, "lanes could not be advanced; the next look finds them");
      }
    }
    isAdvancing = false;
  }

  return {
    settled(settlements) {
      for (const { delivery, verdict } of settlements)
        if (delivery.lane !== null && verdict !== "retry")
          freed.push({ webhook_id: delivery.webhook_id, lane: delivery.lane });
      if (freed.length > 0 && !isAdvancing) void advance();
    },
    async misplaced(webhookIds) {
      if (webhookIds.length > 0) await requeueAll(pool, webhookIds);
    },
    async look() {
      const startedAt = monotonic();
      if (startedAt < looksAgainAt) return 0;
      const { advanced, cutAfter } = await advanceSome(pool, after);
      after = cutAfter ?? FIRST_LANE;
      const endedAt = monotonic();
      looksAgainAt = endedAt + Math.max(LOOK_MS, (endedAt - startedAt) / LOOK_SHARE);
      return advanced;
    },
  };
}
