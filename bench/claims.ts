// The claim itself, as a worker makes it, on a connection of its own.
import { nowMs } from "./clock.ts";
import { silentLog } from "../src/kernel/log.ts";
import { claimDue, type ClaimLimits } from "../src/queue/claim.ts";
import { releaseClaimed } from "../src/queue/release.ts";
import { createClaiming } from "../src/delivery/claiming.ts";
import { connect, type Connection } from "../src/database/connect.ts";
import { percentiles, type Percentiles } from "./report.ts";

const TIMES = 200;
const CLAIMED = 50;

const SLOTS: Omit<ClaimLimits, "slots" | "afterWebhook"> = {
  limit: CLAIMED,
  otherSlots: { proven: 16, unproven: 1 },
  unprovenMax: 64,
};

/** Claims 50 of all webhooks and gives them back, 200 times; `full` are webhooks whose slots are taken. */
export async function timeClaims(
  databaseUrl: string,
  full: readonly number[] = [],
): Promise<Percentiles> {
  const { pool, close } = openWorker(databaseUrl);
  const slots = Object.fromEntries(full.map((id) => [id, [0, 0] as const]));
  const ms: number[] = [];
  while (ms.length < TIMES) {
    const startedAt = nowMs();
    const { deliveries } = await claimDue(pool, { ...SLOTS, slots, afterWebhook: 0 });
    ms.push(nowMs() - startedAt);
    if (deliveries.length < CLAIMED) throw new Error(`${deliveries.length} could be claimed`);
    await releaseClaimed(pool, deliveries);
  }
  await close();
  return percentiles(ms);
}

/**
 * Claims `count` rows as the loop does, one claim after the other, and then in vain. What is claimed is kept: to give back
 * the same rows would leave more behind than deliveries do. The first third is not timed, as a worker's start.
 */
export async function timeLoopClaims(
  databaseUrl: string,
  count: number,
): Promise<{ claims: Percentiles; inVain: Percentiles }> {
  const { pool, close } = openWorker(databaseUrl);
  const claiming = createClaiming(pool, nowMs);
  const timed = async () => {
    const startedAt = nowMs();
    const { deliveries } = await claiming.claim({ ...SLOTS, slots: {} });
    return { count: deliveries.length, ms: nowMs() - startedAt };
  };
  const ms: number[] = [];
  for (let claimed = 0; claimed < count;) {
    const claim = await timed();
    claimed += claim.count;
    if (claim.count > 0 && claimed > count / 3) ms.push(claim.ms);
  }
  const msInVain: number[] = [];
  while (msInVain.length < TIMES) {
    const claim = await timed();
    if (claim.count > 0) throw new Error(`${claim.count} were left`);
    msInVain.push(claim.ms);
  }
  await close();
  return { claims: percentiles(ms), inVain: percentiles(msInVain) };
}

/** A connection as a worker has it. */
export function openWorker(databaseUrl: string): Connection {
  return connect(databaseUrl, { name: "worker", max: 1, log: silentLog, plans: "pinned once" });
}
