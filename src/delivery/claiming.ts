// Claims, one after the other: round and round over all webhooks or, where looking at all is slow, over those that are known.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { claimDue, type Claim, type ClaimLimits } from "../store/claim.ts";
import { createKnown } from "./known.ts";
import { createRotation } from "./rotation.ts";

// A claim of all webhooks takes a millisecond, and some 10 µs a row. A transaction left open elsewhere makes it walk
// through all that was delivered since: 60,000 rows are 40 ms.
const SLOW_MS = 2;
const SLOW_ROW_MS = 0.02;
const SLOW_CLAIMS = 3; // more than fast ones, since a busy machine makes one slow now and then
const ALL_SHARE = 1 / 4; // of the time at most, then, for claims of all: they find webhooks that are not known
const ALL_WITHIN_MS = SECOND;

export type Claiming = {
  /** Claims within limits. `goesOn`: webhooks are left that this round has not seen. */
  claim(limits: Omit<ClaimLimits, "afterWebhook" | "since">): Promise<Claim & { goesOn: boolean }>;
  /** How long the last claim took of those that come again at any time. */
  readonly tookMs: number;
};

/** Creates the claiming of one worker, which makes one claim at a time. */
export function createClaiming(pool: pg.Pool, monotonic: MonotonicClock): Claiming {
  const known = createKnown();
  const ofAll = createRotation();
  const ofKnown = createRotation();
  let slowOnes = 0;
  let allAgainAt = -Infinity;
  let tookMs = 0;

  return {
    get tookMs() {
      return tookMs;
    },
    async claim(limits) {
      const startedAt = monotonic();
      const isOfAll = startedAt >= allAgainAt;
      const rotation = isOfAll ? ofAll : ofKnown;
      const claim = await claimDue(pool, {
        ...limits,
        afterWebhook: rotation.after,
        since: isOfAll ? undefined : known.since(),
      });
      const { deliveries, cutAfter } = claim;
      const endedAt = monotonic();
      const took = endedAt - startedAt;
      if (isOfAll) {
        const isSlow = took > SLOW_MS + deliveries.length * SLOW_ROW_MS;
        slowOnes = isSlow ? Math.min(SLOW_CLAIMS, slowOnes + 1) : Math.max(0, slowOnes - 1);
        if (slowOnes === SLOW_CLAIMS)
          allAgainAt = endedAt + Math.min(took / ALL_SHARE, ALL_WITHIN_MS);
      }
      if (!isOfAll || slowOnes < SLOW_CLAIMS) tookMs = took;
      known.claimed(deliveries);
      const unproven = deliveries.filter(({ proven }) => !proven);
      const isUsedUp = unproven.length > 0 && unproven.length >= limits.unprovenMax;
      const lastUnproven = isUsedUp ? (unproven.at(-1)?.webhook_id ?? null) : null;
      return { ...claim, goesOn: rotation.claimed(cutAfter, lastUnproven) };
    },
  };
}
