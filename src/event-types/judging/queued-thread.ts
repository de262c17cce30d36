// A thread, and those who wait for it. It is started when it is first needed, and again when it ended by itself.
import { SECOND } from "../../kernel/duration.ts";
import type { Answer, Finding, Task } from "./messages.ts";
import { createFairQueue } from "./queue.ts";
import type { StartThread, Thread } from "./start-thread.ts";

const WAIT_MS_MAX = 5 * SECOND; // for a turn; the caller's patience is not ours to use up
const GRACE_MS = 10 * SECOND; // beyond its limit, and to start: a thread that answers nothing by then is ended

/** What came of a task: what was found, or that it was not begun, and when to come again. */
export type Result =
  { kind: "found"; finding: Finding; tookMs: number } | { kind: "not begun"; waitMs: number };

export type QueuedThread = {
  /** Rejects where the thread can't be started. */
  run(tenant: string, task: Task): Promise<Result>;
  close(): Promise<void>;
};

const LATER: Result = { kind: "not begun", waitMs: SECOND };

type Job = {
  tenant: string;
  task: Task;
  timer: NodeJS.Timeout;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

/**
 * Creates such a thread. `ahead` tasks are with the thread at once, so that it need not wait for this process; of one tenant
 * half of them. `mayBegin` is asked last: above 0 it is how long the task has to wait.
 */
export function createQueuedThread({
  startThread,
  ahead,
  mayBegin,
}: {
  startThread: StartThread;
  ahead: number;
  mayBegin: (tenant: string, task: Task) => number;
}): QueuedThread {
  const queue = createFairQueue<Job>(Math.ceil(ahead / 2));
  const begun = new Map<number, Job>(); // in the order in which the thread takes them
  let thread: Thread | undefined;
  let watch: NodeJS.Timeout | undefined;
  let ids = 0;
  let isClosed = false;

  function fill(): void {
    while (begun.size < ahead) {
      const job = queue.next();
      if (!job) break;
      clearTimeout(job.timer);
      const waitMs = mayBegin(job.tenant, job.task);
      if (waitMs > 0) finish(job, { kind: "not begun", waitMs });
      else begin(job);
    }
    watchOver();
  }

  function begin(job: Job): void {
    const id = ids++;
    begun.set(id, job);
    thread ??= startThread({ answered, ended });
    thread.ask({ ...job.task, id });
  }

  function finish(job: Job, result: Result): void {
    queue.done(job);
    job.resolve(result);
  }

  function answered({ id, tookMs, finding }: Answer): void {
    const job = begun.get(id);
    if (!job) return;
    begun.delete(id);
    finish(job, { kind: "found", finding, tookMs });
    fill();
  }

  // What it was at has taken it with it, for want of memory say; what it had not begun goes to the next one.
  function ended(error: Error | undefined, wasReady: boolean): void {
    thread = undefined;
    const left = [...begun.values()];
    begun.clear();
    for (const job of left) queue.done(job);
    if (isClosed) return;
    const [culprit, ...others] = left;
    if (!wasReady) for (const job of left) job.reject(error);
    else {
      culprit?.resolve({ kind: "found", finding: { kind: "slow" }, tookMs: culprit.task.limitMs });
      for (const job of others) if (!queue.add(job)) job.resolve(LATER);
    }
    fill();
  }

  // After what has arrived meanwhile was read: this process may have stood still, not the thread.
  function watchOver(): void {
    clearTimeout(watch);
    const [first] = begun.values();
    if (!first) return;
    const look = () => {
      if (begun.values().next().value === first) void thread?.end();
    };
    watch = setTimeout(() => setImmediate(look), first.task.limitMs + GRACE_MS).unref();
  }

  return {
    run: (tenant, task) =>
      new Promise((resolve, reject) => {
        const giveUp = () => {
          queue.remove(job);
          resolve(LATER);
        };
        const timer = setTimeout(giveUp, WAIT_MS_MAX);
        const job: Job = { tenant, task, timer, resolve, reject };
        if (queue.add(job)) fill();
        else {
          clearTimeout(timer);
          resolve(LATER);
        }
      }),
    async close() {
      isClosed = true;
      clearTimeout(watch);
      await thread?.end();
    },
  };
}
