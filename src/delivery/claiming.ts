// Claims, one after the other: round and round over all webhooks or, where looking at all is slow, over those that are known.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { claimDue, type Claim, type ClaimedDelivery, type ClaimLimits } from "../queue/claim.ts";
import { LEASES_ALONE, type Holder } from "../queue/roll.ts";
import { createKnown } from "./known.ts";
import { createRotation } from "./rotation.ts";

// Looking at all webhooks takes the database half a millisecond, some 5 µs a row, and 40 a webhook on a busy machine. A transaction left open elsewhere makes it
// walk through all that was delivered since: 60,000 rows are 40 ms.
const SLOW_MS = 1;
const SLOW_ROW_MS = 0.01;
const SLOW_WEBHOOK_MS = 0.06;
const SLOW_CLAIMS = 3; // more than fast ones, since a busy machine makes one slow now and then
const PAUSE = 3; // times what a slow claim of all took, until the next: they find what is not known
const PAUSE_MS_MAX = SECOND;

/** Which webhooks a claim looks at: of all or of the known ones, those behind `after`; and since when it is their turn. */
export type Turn = { isOfAll: boolean; after: number; at: number };

export type Claiming = {
  /** Whose turn it is now. */
  turn(): Turn;
  /** Claims within limits. `goesOn`: webhooks are left that this round has not seen. */
  claim(
    limits: Omit<ClaimLimits, "afterWebhook" | "since">,
    turn?: Turn,
  ): Promise<Claim & { goesOn: boolean }>;
  /** Takes what was claimed and given back. */
  returned(deliveries: readonly ClaimedDelivery[]): void;
  /** How long the last claim took of those that come again at any time. */
  readonly tookMs: number;
};

/** Creates the claiming of one worker, which makes one claim at a time. From `slowMs` on a claim is slow. */
export function createClaiming(
  pool: pg.Pool,
  monotonic: MonotonicClock,
  {
    holder = LEASES_ALONE,
    installation = null,
    slowMs = SLOW_MS,
  }: {
    holder?: (() => Holder) | undefined;
    installation?: string | null;
    slowMs?: number;
  } = {},
): Claiming {
  const known = createKnown();
  const ofAll = createRotation();
  const ofKnown = createRotation();
  let slowOnes = 0;
  let allAgainAt = -Infinity;
  let tookMs = 0;

  // A claim that is slow on its way, or in this process, is not meant: the database tells what it took itself.
  function judge(claim: Claim, startedAt: number): void {
    const usualMs = claim.deliveries.length * SLOW_ROW_MS + claim.lookedAt * SLOW_WEBHOOK_MS;
    const isSlow = claim.tookMs >= slowMs + usualMs;
    slowOnes = isSlow ? Math.min(SLOW_CLAIMS, slowOnes + 1) : Math.max(0, slowOnes - 1);
    if (slowOnes < SLOW_CLAIMS) return;
    const endedAt = monotonic();
    allAgainAt = endedAt + Math.min((endedAt - startedAt) * PAUSE, PAUSE_MS_MAX);
  }

  function turn(): Turn {
    const at = monotonic();
    const isOfAll = at >= allAgainAt;
    return { isOfAll, after: (isOfAll ? ofAll : ofKnown).after, at };
  }

  return {
    turn,
    get tookMs() {
      return tookMs;
    },
    returned: (deliveries) => known.returned(deliveries),
    async claim(limits, { isOfAll, after, at } = turn()) {
      const rotation = isOfAll ? ofAll : ofKnown;
      // Those on probation take turns over all of them: the known ones would leave nothing to a new one.
      const unprovenMax = isOfAll ? limits.unprovenMax : 0;
      const since = isOfAll ? undefined : known.since();
      const ofRound = { ...limits, unprovenMax, afterWebhook: after, since };
      const claim = await claimDue(pool, ofRound, holder(), installation);
      if (isOfAll) judge(claim, at);
      if (!isOfAll || slowOnes < SLOW_CLAIMS) tookMs = claim.tookMs;
      known.claimed(claim.deliveries);
      return { ...claim, goesOn: rotation.claimed(claim.cutAfter, lastOf(claim, unprovenMax)) };
    },
  };
}

// The last webhook on probation that got some, where they have used up what they share; undefined where there was nothing.
function lastOf({ deliveries }: Claim, unprovenMax: number): number | null | undefined {
  if (unprovenMax === 0) return undefined;
  const unproven = deliveries.filter(({ proven }) => !proven);
  return unproven.length >= unprovenMax ? (unproven.at(-1)?.webhook_id ?? null) : null;
}
