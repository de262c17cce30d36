// The loop's housekeeping: each task at its own pace, and a failed one is tried again.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { HOUR, MINUTE, SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { eraseLate } from "../store/erase.ts";
import { expandSome } from "../queue/expansions.ts";
import {
  announceDropping,
  announceHealth,
  listFailing,
  setHealth,
  type HealthFacts,
} from "../queue/health.ts";
import { FOLD_ROWS_MAX, foldDeltas } from "../queue/fold.ts";
import { cancelHeldTooLong, park, unpark, unparkAfterBackoff } from "../queue/hold.ts";
import { SWEEP_ROWS_MAX } from "../queue/move.ts";
import { createRequeue } from "../queue/requeue.ts";
import { forgetAnswers } from "../store/kept-answers.ts";
import { wipeOldKeys } from "../store/old-keys.ts";
import { forgetOld } from "../store/old-rows.ts";
import { markSeen } from "../store/webhook-changes.ts";
import { createReplayFeed } from "../store/replay-feed.ts";
import { createEndedSweep, forgetKeys, stageDue } from "../queue/sweep.ts";
import { createAlarm, type Alarm } from "./alarm.ts";
import { judgeHealth } from "./health.ts";
import { tellHealth } from "./tell-health.ts";
import { createTransactionWatch } from "./old-transactions.ts";
import { createSchemaWatch } from "./schema-watch.ts";

const STAGE_MS = 250; // a wait may end this much late; an empty run costs 0.25 ms
const EXPAND_MS = 250; // a wide fan-out may start this much late
const FEED_MS = 250; // between the steps of a replay: up to 250 deliveries each
const SWEEP_MS = 1 * SECOND; // what a late commit left behind is put right within it
const FOLD_MS = 2 * SECOND;
const ANNOUNCE_MS = 2 * SECOND;
const HOURS_MS = 5 * SECOND; // for what goes by hours: a look at the few webhooks that fail or hold
const FORGET_MS = 1 * MINUTE;

// Where no delivery was claimed and no task found work for so long, tasks go at their pace for quiet times: thirty statements a
// second cost a service that has nothing to do 3 % of a core, and its database 4.
const QUIET_AFTER_MS = 1 * MINUTE;
const QUIET_STAGE_MS = 2 * SECOND; // or when the next wait ends; a wide fan-out may start this much late
const QUIET_FEED_MS = 2 * SECOND;
const QUIET_RELEASE_MS = 2 * SECOND; // somebody may have pressed a button
const QUIET_SWEEP_MS = 10 * SECOND;
const QUIET_ANNOUNCE_MS = 10 * SECOND;
const QUIET_HOURS_MS = 30 * SECOND;

type Task = {
  name: string;
  everyMs: number;
  quietMs?: number;
  /** Answers how many rows it moved; so many where it has left some. */
  rowsMax?: number;
  run: () => Promise<number>;
  /** Where a run tells it: how long it is until there is work again. */
  dueInMs?: () => number;
};

/** When a task runs next, by whether it is quiet then. */
type Next = { at: number; quietAt: number };

export type Sweeper = {
  /** Says that deliveries are under way: the quiet time is over. */
  stir(): void;
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
  retentionD: number;
  keepPartitions: (signal: AbortSignal) => Promise<number>;
  monotonic: MonotonicClock;
  ready: () => void;
  /** Writes the totals of the last minute to the log. */
  tellTotals: () => Promise<number>;
  /** Says in the log that nothing is sent any more, or that something is again; answers which of the two. */
  tellHold: () => Promise<boolean>;
  log: Log;
}): Sweeper {
  const { pool, loopPool, idempotencyH, holdH, disableAfterH, retentionD, keepPartitions } =
    options;
  const { monotonic, ready, log } = options;
  const stopping = new AbortController();
  const alarms: Alarm[] = [];
  let workedAt = monotonic();
  const isQuiet = () => monotonic() - workedAt >= QUIET_AFTER_MS;
  const waking = async (moved: Promise<number>) => {
    const count = await moved;
    if (count > 0) ready();
    return count;
  };
  let dueInMs = 0;
  let isHeld = false;
  const stage = async () => {
    const due = await stageDue(loopPool);
    dueInMs = due.dueInMs ?? Infinity;
    return Math.max(due.staged, due.isBackoffOver ? await unparkAfterBackoff(loopPool) : 0);
  };
  const staging: Task[] = [
    {
      name: "stage",
      everyMs: STAGE_MS,
      quietMs: QUIET_STAGE_MS,
      run: () => waking(stage()),
      dueInMs: () => dueInMs,
    },
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
  const requeue = createRequeue(pool);
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
    sweep("park", () => park(pool)),
    {
      name: "unpark",
      everyMs: SWEEP_MS,
      quietMs: QUIET_RELEASE_MS,
      run: () => waking(unpark(pool)),
    },
    {
      name: "place",
      everyMs: SWEEP_MS,
      quietMs: QUIET_RELEASE_MS,
      run: () => waking(requeue()),
    },
    sweep("erase", () => eraseLate(pool)),
    {
      name: "fold",
      everyMs: FOLD_MS,
      quietMs: QUIET_SWEEP_MS,
      rowsMax: FOLD_ROWS_MAX,
      run: () => fold(),
    },
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
    { name: "schema", everyMs: MINUTE, run: createSchemaWatch(pool, log) },
    { name: "forget", everyMs: FORGET_MS, run: () => forgetKeys(pool, idempotencyH) },
    { name: "forget answers", everyMs: FORGET_MS, run: () => forgetAnswers(pool) },
    { name: "hold", everyMs: SWEEP_MS, run: lookAtHold },
    { name: "totals", everyMs: MINUTE, run: options.tellTotals },
    { name: "wipe", everyMs: MINUTE, run: () => wipeOldKeys(pool) },
    { name: "changes", everyMs: MINUTE, run: () => markSeen(pool) },
    { name: "forget old", everyMs: HOUR, run: () => forgetOld(pool, retentionD) },
  ];
  // By itself, since it may wait behind strangers' transactions.
  const keeping: Task[] = [
    { name: "partitions", everyMs: HOUR, run: () => keepPartitions(stopping.signal) },
  ];

  async function lookAtHold(): Promise<number> {
    const wasHeld = isHeld;
    isHeld = await options.tellHold();
    if (wasHeld && !isHeld) ready();
    return 0;
  }

  async function fold(): Promise<number> {
    const { taken, facts } = await foldDeltas(pool);
    await judge(facts);
    return taken;
  }

  // What was folded and not judged, since the process ended in between, or is judged by other hours since.
  async function judgeFailing(): Promise<number> {
    if (isHeld) return 0; // the time without a success is not the receivers'
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
      if (!verdict) continue;
      const change = { from: each.health, to: verdict.health, reason: verdict.reason };
      const changed = await setHealth(pool, each.webhook_id, change);
      if (changed) tellHealth(log, changed, change);
    }
  }

  function stir(): void {
    const wasQuiet = isQuiet();
    workedAt = monotonic();
    if (wasQuiet) for (const alarm of alarms) alarm.wake();
  }

  // One task at a time takes one connection at most.
  async function runGroup(group: readonly Task[]): Promise<void> {
    const alarm = createAlarm();
    alarms.push(alarm);
    const next = new Map<Task, Next>();
    const dueAt = (task: Task) => next.get(task)?.[isQuiet() ? "quietAt" : "at"] ?? 0;
    while (!stopping.signal.aborted) {
      for (const task of group) if (monotonic() >= dueAt(task)) next.set(task, await runTask(task));
      await alarm.wait(Math.max(0, Math.min(...group.map(dueAt)) - monotonic()));
    }
  }

  async function runTask(task: Task): Promise<Next> {
    const { name, everyMs, quietMs = everyMs, rowsMax = SWEEP_ROWS_MAX, run } = task;
    try {
      const done = await run();
      const now = monotonic();
      if (done > 0) stir();
      if (done === rowsMax) return { at: now, quietAt: now }; // it has left some for the next, which need not wait
      const idleMs = Math.max(everyMs, Math.min(quietMs, task.dueInMs?.() ?? quietMs));
      return { at: now + everyMs, quietAt: now + idleMs };
    } catch (err) {
      if (!stopping.signal.aborted)
        log[isDatabaseAbsent(err) ? "debug" : "warn"](
          { err, task: name },
          "housekeeping failed; it is tried again",
        );
      const at = monotonic() + Math.max(everyMs, SECOND);
      return { at, quietAt: at };
    }
  }

  const running = [staging, feeding, sweeping, keeping].map(runGroup); // a long sweep must not make a retry late
  return {
    stir,
    async stop() {
      stopping.abort();
      for (const alarm of alarms) alarm.wake();
      await Promise.all(running);
    },
  };
}
