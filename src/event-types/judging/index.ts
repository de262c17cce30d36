// Whether payloads fit their schemas, found in threads of their own: what strangers wrote may run long, and this process
// must not wait for it. What is quick goes by itself; what is not is left to another thread, where it waits for its like.
import type { MonotonicClock } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import type { Issue } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";
import type { EnforcedSchema } from "../../store/event-types.ts";
import { checkShape, TOO_LONG_TO_COMPILE } from "../shape.ts";
import { createBudget } from "./budget.ts";
import { createQueuedThread, type QueuedThread, type Result } from "./queued-thread.ts";
import type { Finding, Task } from "./messages.ts";
import { starting } from "./start-thread.ts";

const QUICK_MS = 25; // the largest honest payload takes 10, and nobody's next one waits longer for it
const SLOW_MS = SECOND; // what one bad payload may take, of its tenant's budget
const CHECK_MS = 3 * SECOND; // 64 KiB full of patterns compile in 0.5 s; a slow machine takes them too
const QUICK_AHEAD = 8; // what a busy process has to send between two turns of its own, and at most what one waits for
const SLOW_AHEAD = 2; // what is with the thread can't be called back
const TOLD_MS = 100; // from which on it is logged
const TOO_LONG = "takes too long to judge by the schema of its type";
const KNOWN_SLOW_MS = 10 * SECOND; // a version that was slow is tried with the quick ones again after that

/** `busy`: not judged; come again after `waitMs`. */
export type Busy = { kind: "busy"; waitMs: number };

/** `wasSlow`: it is worth remembering. */
export type Judgement =
  { kind: "fits"; wasSlow: boolean } | { kind: "unfit"; wasSlow: boolean; issues: Issue[] } | Busy;

export type Judging = {
  /** Judges a payload, JSON text, by an enforced schema of the tenant's type; what takes long is logged to `log`. */
  payload(tenant: string, schema: EnforcedSchema, payload: string, log?: Log): Promise<Judgement>;
  /** Says what makes a schema unusable, in words for its author; null where it can be used. */
  schema(
    tenant: string,
    schema: unknown,
  ): Promise<{ kind: "checked"; wrong: string | null } | Busy>;
  close(): Promise<void>;
};

/** Creates what judges in this process; its threads start when there is something to judge. */
export function createJudging({
  monotonic,
  log,
}: {
  monotonic: MonotonicClock;
  log: Log;
}): Judging {
  const budget = createBudget(monotonic);
  const quick = createQueuedThread({
    startThread: starting({ yields: false }),
    ahead: QUICK_AHEAD,
    mayBegin: () => 0,
  });
  const slow = createQueuedThread({
    startThread: starting({ yields: true }),
    ahead: SLOW_AHEAD,
    mayBegin: (tenant, task) => budget.waitMs(tenant, versionOf(task)),
  });
  const slowUntil = new Map<string, number>(); // by version

  async function quickly(tenant: string, task: PayloadTask): Promise<Judgement | "slow"> {
    const result = await withSchema(quick, tenant, task, QUICK_MS);
    if (result.kind === "not begun") return { ...result, kind: "busy" };
    const { finding, tookMs } = result;
    if (finding.kind !== "slow" && finding.kind !== "rests") return judgement(finding, false);
    budget.spend(tenant, Math.min(tookMs, QUICK_MS));
    const now = monotonic();
    for (const [version, until] of slowUntil) if (until <= now) slowUntil.delete(version);
    slowUntil.set(task.version, now + KNOWN_SLOW_MS);
    return "slow";
  }

  async function slowly(tenant: string, task: PayloadTask, log: Log): Promise<Judgement> {
    const { version } = task;
    const waitMs = budget.waitMs(tenant, version);
    if (waitMs > 0) return { kind: "busy", waitMs };
    const result = await withSchema(slow, tenant, task, SLOW_MS);
    if (result.kind === "not begun") return { ...result, kind: "busy" };
    const { finding, tookMs } = result;
    budget.spend(tenant, Math.min(tookMs, SLOW_MS)); // on a busy machine it may be longer: that is not the tenant's doing
    if (finding.kind === "slow") budget.ranOut(version, tookMs);
    if (finding.kind === "rests")
      return { kind: "busy", waitMs: Math.max(budget.waitMs(tenant, version), SECOND) };
    if (tookMs >= TOLD_MS)
      log.warn(
        { tenant, type: task.name, took_ms: Math.round(tookMs) },
        "judging a payload by its schema took long; what else this tenant has judged may have to wait",
      );
    return judgement(finding, true);
  }

  // As a payload: where the machine is busy, what yields to all else gets no time for the simplest schema.
  async function checkIn(thread: QueuedThread, tenant: string, schema: unknown, limitMs: number) {
    const result = await thread.run(tenant, { kind: "schema", schema, limitMs });
    if (result.kind === "not begun") return { ...result, kind: "busy" as const };
    const { finding, tookMs } = result;
    budget.spend(tenant, Math.min(tookMs, limitMs));
    return finding.kind === "checked"
      ? finding
      : { kind: "checked" as const, wrong: TOO_LONG_TO_COMPILE };
  }

  return {
    async payload(tenant, { name, version, schema }, payload, requestLog = log) {
      const task = { name, version: `${tenant} ${name} ${version}`, schema, payload };
      const isSlow =
        (slowUntil.get(task.version) ?? 0) > monotonic() || budget.waitMs(tenant, task.version) > 0;
      const judged = isSlow ? "slow" : await quickly(tenant, task);
      return judged === "slow" ? slowly(tenant, task, requestLog) : judged;
    },

    async schema(tenant, schema) {
      const wrong = checkShape(schema);
      if (wrong !== null) return { kind: "checked", wrong };
      const waitMs = budget.waitMs(tenant);
      if (waitMs > 0) return { kind: "busy", waitMs };
      const checked = await checkIn(quick, tenant, schema, QUICK_MS);
      const isSlow = checked.kind === "checked" && checked.wrong === TOO_LONG_TO_COMPILE;
      return isSlow ? checkIn(slow, tenant, schema, CHECK_MS) : checked;
    },

    async close() {
      await Promise.all([quick.close(), slow.close()]);
    },
  };
}

/** The same judging, whose payloads are a request's: what takes long goes to its log. */
export function loggingTo(judging: Judging, log: Log): Judging {
  return {
    ...judging,
    payload: (tenant, schema, payload) => judging.payload(tenant, schema, payload, log),
  };
}

type PayloadTask = { name: string; version: string; schema: unknown; payload: string };

// The schema is sent along where the thread does not have it: most of them are larger than what they judge.
async function withSchema(
  thread: QueuedThread,
  tenant: string,
  { version, schema, payload }: PayloadTask,
  limitMs: number,
): Promise<Result> {
  const task: Task = { kind: "payload", version, payload, limitMs };
  const result = await thread.run(tenant, task);
  const isWanted = result.kind === "found" && result.finding.kind === "schema wanted";
  return isWanted ? thread.run(tenant, { ...task, schema }) : result;
}

function versionOf(task: Task): string | undefined {
  return task.kind === "payload" ? task.version : undefined;
}

function judgement(finding: Finding, wasSlow: boolean): Judgement {
  switch (finding.kind) {
    case "fits":
      return { kind: "fits", wasSlow };
    case "unfit":
      return { kind: "unfit", issues: finding.issues, wasSlow };
    case "slow":
      return { kind: "unfit", issues: [{ path: "payload", message: TOO_LONG }], wasSlow };
    default:
      throw new Error(`a payload was judged to be ${finding.kind}`);
  }
}
