// A limit on time for code that runs on what strangers wrote.
import { createContext, Script } from "node:vm";

import { monotonic } from "../kernel/clock.ts";
import { threadMs } from "../kernel/thread-time.ts";

const TIMES_MAX = 20; // as long by the clock: who gets a twentieth of a processor is waited for
const LATE_MS_MAX = 5_000; // and no longer than that, by far: a thread that answers nothing for ten seconds is ended

const sandbox: { task: (() => void) | undefined } = { task: undefined };
const context = createContext(sandbox);
const script = new Script("task()");

/**
 * Runs `task` and answers what it returns; undefined when it was stopped after `ms` of the processor's time. A stop comes by
 * the clock: who had less than half of that time by then, since the machine was busy with others, begins anew with more.
 * node:vm can stop what nothing in JavaScript can: a regular expression in the midst of its backtracking.
 * Not a sandbox: the task runs with all that it closes over. Costs 60 µs a call, for the thread that watches.
 */
export function withinMs<Result>(
  ms: number,
  task: () => Result,
  { usedMs = threadMs, clock = monotonic } = {},
): { result: Result } | undefined {
  const from = usedMs();
  const until = clock() + Math.min(ms * TIMES_MAX, ms + LATE_MS_MAX);
  for (let limitMs = ms; ; limitMs *= 2) {
    const leftMs = Math.max(1, until - clock());
    const done = withinClockMs(Math.ceil(Math.min(limitMs, leftMs)), task);
    if (done || limitMs >= leftMs || from === undefined) return done;
    if ((usedMs() ?? Infinity) - from >= ms / 2) return undefined;
  }
}

function withinClockMs<Result>(ms: number, task: () => Result): { result: Result } | undefined {
  let done: { result: Result } | undefined;
  sandbox.task = () => {
    done = { result: task() };
  };
  try {
    script.runInContext(context, { timeout: ms });
  } catch (error) {
    if (!isTimeout(error)) throw error;
  } finally {
    sandbox.task = undefined;
  }
  return done;
}

// By its code: the error is made in the other context, where Error is another class.
function isTimeout(error: unknown): boolean {
  return (
    typeof error === "object" &&
    error !== null &&
    "code" in error &&
    error.code === "ERR_SCRIPT_EXECUTION_TIMEOUT"
  );
}
