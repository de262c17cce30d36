// How many deliveries a second arrive, and what they cost, over a window in the middle of a run.
import { setTimeout as sleep } from "node:timers/promises";

import { nowMs } from "./clock.ts";
import { cpuUs } from "./cpu.ts";
import type { Stage } from "./stage.ts";

const WARM_S = 3;
const STEP_MS = 100;
const FIRST_MS_MAX = 120_000; // a wide fan-out has its deliveries made first

export type Rate = {
  perSecond: number;
  /** CPU time a delivery: of the processes that send, and of the database. */
  cpuUs: number;
  databaseCpuUs: number;
  /** The window, by the machine's clock. */
  from: number;
  to: number;
};

/**
 * Measures from some seconds after the first arrival, or that of number `after`, for `seconds`, or until `total` have
 * arrived. The processes whose CPU time counts are those of `pids`.
 */
export async function measureRate(
  stage: Stage,
  pids: readonly number[],
  { seconds, total = Infinity, after = 1 }: { seconds: number; total?: number; after?: number },
): Promise<Rate> {
  const { receiver, database } = stage;
  const startedAt = nowMs();
  for (;;) {
    const { unique } = await receiver.count();
    if (unique >= after) break;
    if (nowMs() - startedAt > FIRST_MS_MAX)
      throw new Error(`${unique} of ${after} arrived in ${FIRST_MS_MAX / 1_000} s`);
    await sleep(STEP_MS);
  }
  await sleep(stage.seconds(WARM_S) * 1_000);
  const cpu = () => ({
    cpu: pids.reduce((sum, pid) => sum + cpuUs(pid), 0),
    database: database.cpuUs(),
  });
  const before = { ...(await receiver.count()), ...cpu() };
  let last = await receiver.count();
  while (last.unique < total && last.at - before.at < seconds * 1_000) {
    await sleep(STEP_MS);
    last = await receiver.count();
  }
  const end = { ...last, ...cpu() }; // once: to read all of /proc takes milliseconds
  const isOver = end.unique >= total;
  const count = end.unique - before.unique;
  if (count === 0) throw new Error(`all ${total} had arrived before the window began`);
  return {
    perSecond: (count / ((isOver ? end.lastAt : end.at) - before.at)) * 1_000,
    cpuUs: (end.cpu - before.cpu) / count,
    databaseCpuUs: (end.database - before.database) / count,
    from: before.at,
    to: end.at,
  };
}
