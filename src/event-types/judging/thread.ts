// The entry of a judging thread: what strangers wrote runs here, where nobody waits for it but those who asked.
import { constants, setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";

import { monotonic } from "../../kernel/clock.ts";
import { checkSchema, createJudge } from "../judge.ts";
import {
  READY,
  type Answer,
  type Finding,
  type Question,
  type Task,
  type ThreadData,
} from "./messages.ts";

const RESTS_MS = 1_000; // of a version that ran out of time: what was sent along behind it is not tried

// Before it steps back and is asked: the first schema of a process takes ten times as long as the next.
checkSchema({ type: "object" }, 1_000);

// On Linux a priority is a thread's own; elsewhere it would be the whole process's.
if ((workerData as ThreadData).yields && process.platform === "linux")
  setPriority(constants.priority.PRIORITY_LOW);

const judge = createJudge();
const rests = new Map<string, number>();

parentPort?.on("message", (question: Question) => {
  const { id } = question;
  const startedAt = monotonic();
  const finding = find(question);
  const tookMs = monotonic() - startedAt;
  parentPort?.postMessage({ id, tookMs, finding } satisfies Answer);
});

parentPort?.postMessage(READY);

function find(task: Task): Finding {
  const { limitMs } = task;
  if (task.kind === "schema") return { kind: "checked", wrong: checkSchema(task.schema, limitMs) };
  const { version, schema, payload } = task;
  if (schema === undefined && !judge.knows(version)) return { kind: "schema wanted" };
  if ((rests.get(version) ?? 0) > monotonic()) return { kind: "rests" };
  const issues = judge.judge(version, schema, payload, limitMs);
  if (issues === "slow") {
    rest(version);
    return { kind: "slow" };
  }
  return issues ? { kind: "unfit", issues } : { kind: "fits" };
}

function rest(version: string): void {
  const now = monotonic();
  for (const [other, until] of rests) if (until <= now) rests.delete(other);
  rests.set(version, now + RESTS_MS);
}
