// The claim itself, as a worker makes it, on a connection of its own.
import { nowMs } from "./clock.ts";
import { silentLog } from "../src/kernel/log.ts";
import { claimDue, releaseClaimed, type ClaimLimits } from "../src/store/claim.ts";
import { connect } from "../src/store/connect.ts";
import { percentiles, type Percentiles } from "./report.ts";

const TIMES = 200;
export const CLAIMED = 50;

const PLACES: Omit<ClaimLimits, "places" | "afterWebhook"> = {
  limit: CLAIMED,
  otherPlaces: { proven: 16, unproven: 1 },
  unprovenMax: 64,
};

/**
 * Claims 50 and gives them back, 200 times; `full` are webhooks whose places are taken. Where they are kept, each claim
 * has to find others; where nothing is there, it has to find that out.
 */
export async function timeClaims(
  databaseUrl: string,
  options: { full?: readonly number[]; times?: number; isKept?: boolean; isEmpty?: boolean } = {},
): Promise<Percentiles> {
  const { full = [], times = TIMES, isKept = false, isEmpty = false } = options;
  const connection = connect(databaseUrl, {
    name: "worker",
    max: 1,
    log: silentLog,
    plans: "pinned once",
  });
  const places = Object.fromEntries(full.map((id) => [id, [0, 0] as const]));
  const ms: number[] = [];
  let afterWebhook = 0;
  while (ms.length < times) {
    const startedAt = nowMs();
    const claim = await claimDue(connection.pool, { ...PLACES, places, afterWebhook });
    const tookMs = nowMs() - startedAt;
    const { deliveries } = claim;
    const isPastLast = isKept && afterWebhook > 0 && deliveries.length === 0; // the one before ended with the last webhook
    if (isKept) afterWebhook = claim.cutAfter ?? 0; // as the loop goes on, or those before would be looked at in vain
    if (isPastLast) continue;
    ms.push(tookMs);
    const least = isEmpty ? 0 : isKept ? 1 : CLAIMED;
    if (deliveries.length < least) throw new Error(`${deliveries.length} could be claimed`);
    if (!isKept && !isEmpty) await releaseClaimed(connection.pool, deliveries);
  }
  await connection.close();
  return percentiles(ms);
}
