// Telling workers that rest elsewhere that something is due: for what was committed by a process without a loop.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";

// A worker that was not resting rests only after a second without work, and then looks at all that is committed: for so long
// nobody need be asked again.
const NOBODY_RESTS_FOR_MS = 250;

/** Creates what tells the workers that rest, if any, by one statement at a time. Where that fails, their next look finds it. */
export function createWaker(pool: pg.Pool, monotonic: MonotonicClock): () => void {
  let isAsking = false;
  let asked = 0;
  let askAgainAt = -Infinity;

  async function ask(): Promise<void> {
    while (asked > 0 && monotonic() >= askAgainAt) {
      asked = 0;
      const { rows } = await pool.query<{ rests: boolean }>({
        name: "wake",
        text: "select posthorn.wake_workers() as rests",
      });
      if (rows[0]?.rests !== true) askAgainAt = monotonic() + NOBODY_RESTS_FOR_MS;
    }
  }

  return () => {
    asked += 1;
    if (isAsking) return;
    isAsking = true;
    void ask()
      .catch(() => {})
      .finally(() => (isAsking = false));
  };
}
