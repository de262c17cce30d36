// The loop's housekeeping: each task at its own pace, one run at a time, and a failed one is tried again.
import type pg from "pg";

import { sleep } from "../kernel/clock.ts";
import { HOUR, MINUTE, SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { makePartitions } from "../store/partitions.ts";
import {
  cancelEnded,
  foldCounters,
  forgetKeys,
  holdPaused,
  releaseHeld,
  stageDue,
  SWEEP_ROWS_MAX,
} from "../store/sweep.ts";

const STAGE_MS = 250; // a wait may end this much late; an empty run costs 0.25 ms
const SWEEP_MS = 1 * SECOND; // what a late commit left behind is put right within it
const FOLD_MS = 2 * SECOND;
const FORGET_MS = 1 * MINUTE;

type Task = { name: string; everyMs: number; run: () => Promise<number> };

/** Starts the housekeeping; `ready` is called when rows have become ready to claim. */
export function startSweeper(options: {
  pool: pg.Pool;
  idempotencyH: number;
  ready: () => void;
  log: Log;
}): { stop(): Promise<void> } {
  const { pool, idempotencyH, ready, log } = options;
  const stopping = new AbortController();
  const waking = async (moved: Promise<number>) => {
    const count = await moved;
    if (count > 0) ready();
    return count;
  };
  const tasks: Task[] = [
    { name: "stage", everyMs: STAGE_MS, run: () => waking(stageDue(pool)) },
    { name: "cancel", everyMs: SWEEP_MS, run: () => cancelEnded(pool) },
    { name: "hold", everyMs: SWEEP_MS, run: () => holdPaused(pool) },
    { name: "release", everyMs: SWEEP_MS, run: () => waking(releaseHeld(pool)) },
    { name: "fold", everyMs: FOLD_MS, run: () => foldCounters(pool) },
    { name: "forget", everyMs: FORGET_MS, run: () => forgetKeys(pool, idempotencyH) },
    { name: "partitions", everyMs: HOUR, run: () => makePartitions(pool) },
  ];

  async function repeat({ name, everyMs, run }: Task): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        // A full run has left some for the next, which need not wait.
        const moved = await run();
        await sleep(moved === SWEEP_ROWS_MAX ? 0 : everyMs, stopping.signal);
      } catch (err) {
        log.warn({ err, task: name }, "housekeeping failed; it is tried again");
        await sleep(Math.max(everyMs, SECOND), stopping.signal);
      }
    }
  }

  const running = tasks.map(repeat);
  return {
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
