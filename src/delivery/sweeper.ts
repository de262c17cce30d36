// The loop's housekeeping: each task at its own pace, and a failed one is tried again.
import type pg from "pg";

import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { HOUR, MINUTE, SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { eraseLate } from "../store/erase.ts";
import { expandSome } from "../store/expansions.ts";
import {
  announceDropping,
  announceHealth,
  foldCounters,
  listFailing,
  setHealth,
  type HealthFacts,
} from "../store/health.ts";
import { cancelHeldTooLong, holdResting, postponeTold, releaseHeld } from "../store/hold.ts";
import { refitLanes } from "../store/lanes.ts";
import { SWEEP_ROWS_MAX } from "../store/move.ts";
import { wipeOldKeys } from "../store/old-keys.ts";
import { createReplayFeed } from "../store/replay-feed.ts";
import { createEndedSweep, forgetKeys, stageDue } from "../store/sweep.ts";
import { judgeHealth } from "./health.ts";
import { createTransactionWatch } from "./old-transactions.ts";

const STAGE_MS = 250; // a wait may end this much late; an empty run costs 0.25 ms
const EXPAND_MS = 250; // a wide fan-out may start this much late
const FEED_MS = 250; // between the steps of a replay: up to 250 deliveries each
const SWEEP_MS = 1 * SECOND; // what a late commit left behind is put right within it
const FOLD_MS = 2 * SECOND;
const ANNOUNCE_MS = 2 * SECOND;
const HOURS_MS = 5 * SECOND; // for what goes by hours: a look at the few webhooks that fail or hold
const FORGET_MS = 1 * MINUTE;

// Without work for so long a task goes at its pace for quiet times, where it has one: thirty statements a second cost a service
// that has nothing to do 3 % of a core, and its database 4.
const QUIET_AFTER_MS = 1 * MINUTE;
const QUIET_STAGE_MS = 2 * SECOND; // a wait of more than a minute may end this much late, and a wide fan-out start
const QUIET_FEED_MS = 2 * SECOND;
const QUIET_SWEEP_MS = 5 * SECOND;
const QUIET_ANNOUNCE_MS = 10 * SECOND;
const QUIET_HOURS_MS = 30 * SECOND;

type Task = { name: string; everyMs: number; quietMs?: number; run: () => Promise<number> };

export type Sweeper = {
  /** Says that a retry has been stored, which may be due soon. */
  expectRetry(): void;
  stop(): Promise<void>;
};

/** Starts the housekeeping; `ready` is called when rows have become ready to claim. */
export function startSweeper(options: {
  pool: pg.Pool;
  /** The delivery loop's, for what has to be on time. */
  loopPool: pg.Pool;
  idempotencyH: number;
  holdH: number;
  disableAfterH: number;
  keepPartitions: (signal: AbortSignal) => Promise<number>;
  monotonic: MonotonicClock;
  ready: () => void;
  log: Log;
}): Sweeper {
  const { pool, loopPool, idempotencyH, holdH, disableAfterH, keepPartitions } = options;
  const { monotonic, ready, log } = options;
  const stopping = new AbortController();
  const startedAt = monotonic();
  const workedAt = new Map<Task, number>();
  const waking = async (moved: Promise<number>) => {
    const count = await moved;
    if (count > 0) ready();
    return count;
  };
  const stage: Task = {
    name: "stage",
    everyMs: STAGE_MS,
    quietMs: QUIET_STAGE_MS,
    run: () => waking(stageDue(loopPool)),
  };
  const staging: Task[] = [
    stage,
    {
      name: "expand",
      everyMs: EXPAND_MS,
      quietMs: QUIET_STAGE_MS,
      run: () => waking(expandSome(loopPool)),
    },
  ];
  const feedReplays = createReplayFeed(pool);
  const feeding: Task[] = [
    {
      name: "replays",
      everyMs: FEED_MS,
      quietMs: QUIET_FEED_MS,
      run: () => waking(feedReplays()),
    },
  ];
  const sweep = (name: string, run: Task["run"]): Task => ({
    name,
    everyMs: SWEEP_MS,
    quietMs: QUIET_SWEEP_MS,
    run,
  });
  const byHours = (name: string, run: Task["run"]): Task => ({
    name,
    everyMs: HOURS_MS,
    quietMs: QUIET_HOURS_MS,
    run,
  });
  const sweeping: Task[] = [
    sweep("cancel", createEndedSweep(pool)),
    sweep("hold", () => holdResting(pool)),
    sweep("postpone", () => postponeTold(pool)),
    sweep("refit", () => waking(refitLanes(pool))),
    sweep("release", () => waking(releaseHeld(pool))),
    sweep("erase", () => eraseLate(pool)),
    { name: "fold", everyMs: FOLD_MS, quietMs: QUIET_SWEEP_MS, run: () => fold() },
    {
      name: "announce",
      everyMs: ANNOUNCE_MS,
      quietMs: QUIET_ANNOUNCE_MS,
      run: () => waking(announceHealth(pool, disableAfterH)),
    },
    byHours("failing", () => judgeFailing()),
    byHours("dropping", () => waking(announceDropping(pool, holdH))),
    byHours("drop", () => cancelHeldTooLong(pool, holdH)),
    {
      name: "transactions",
      everyMs: MINUTE,
      run: createTransactionWatch({ pool, monotonic, log }),
    },
    { name: "forget", everyMs: FORGET_MS, run: () => forgetKeys(pool, idempotencyH) },
    { name: "wipe", everyMs: MINUTE, run: () => wipeOldKeys(pool) },
  ];
  // By itself, since it may wait behind strangers' transactions.
  const keeping: Task[] = [
    { name: "partitions", everyMs: HOUR, run: () => keepPartitions(stopping.signal) },
  ];

  async function fold(): Promise<number> {
    const { taken, facts } = await foldCounters(pool);
    await judge(facts);
    return taken;
  }

  // What was folded and not judged, since the process ended in between, or is judged by other hours since.
  async function judgeFailing(): Promise<number> {
    for (let after = 0; ;) {
      const facts = await listFailing(pool, after);
      await judge(facts);
      const last = facts.at(-1);
      if (!last) return 0;
      after = last.webhook_id;
    }
  }

  async function judge(facts: readonly HealthFacts[]): Promise<void> {
    for (const each of facts) {
      const verdict = judgeHealth(each, disableAfterH);
      if (verdict)
        await setHealth(pool, each.webhook_id, {
          from: each.health,
          to: verdict.health,
          reason: verdict.reason,
        });
    }
  }

  // One task at a time takes one connection at most.
  async function runLane(lane: readonly Task[]): Promise<void> {
    const dueAt = lane.map(() => 0);
    while (!stopping.signal.aborted) {
      for (const [index, task] of lane.entries())
        if (monotonic() >= (dueAt[index] ?? 0)) dueAt[index] = monotonic() + (await runTask(task));
      await sleep(Math.max(0, Math.min(...dueAt) - monotonic()), stopping.signal);
    }
  }

  // Answers how long to wait before the task's next run.
  async function runTask(task: Task): Promise<number> {
    const { name, everyMs, quietMs = everyMs, run } = task;
    try {
      const done = await run();
      const now = monotonic();
      if (done > 0) workedAt.set(task, now);
      if (done === SWEEP_ROWS_MAX) return 0; // it has left some for the next, which need not wait
      return now - (workedAt.get(task) ?? startedAt) < QUIET_AFTER_MS ? everyMs : quietMs;
    } catch (err) {
      if (!stopping.signal.aborted)
        log.warn({ err, task: name }, "housekeeping failed; it is tried again");
      return Math.max(everyMs, SECOND);
    }
  }

  const running = [staging, feeding, sweeping, keeping].map(runLane); // a long sweep must not make a retry late
  return {
    expectRetry: () => void workedAt.set(stage, monotonic()),
    async stop() {
      stopping.abort();
      await Promise.all(running);
    },
  };
}
