// Claims as a test makes them: of all webhooks, proven or not.
import type pg from "pg";

import { claimDue, type Claim, type ClaimLimits } from "../../src/queue/claim.ts";
import type { Holder } from "../../src/queue/roll.ts";

export function claim(
  pool: pg.Pool,
  { each = 250, ...limits }: { each?: number } & Partial<ClaimLimits> = {},
  holder?: Holder,
): Promise<Claim> {
  const all = {
    limit: 250,
    slots: {},
    otherSlots: { proven: each, unproven: each },
    unprovenMax: 250,
    afterWebhook: 0,
    ...limits,
  };
  return claimDue(pool, all, holder);
}
