// Claims as a test makes them: of all webhooks, proven or not.
import type pg from "pg";

import { claimDue, type Claim, type ClaimLimits } from "../../src/queue/claim.ts";

export function claim(
  pool: pg.Pool,
  { each = 250, ...limits }: { each?: number } & Partial<ClaimLimits> = {},
): Promise<Claim> {
  return claimDue(pool, {
    limit: 250,
    slots: {},
    otherSlots: { proven: each, unproven: each },
    unprovenMax: 250,
    afterWebhook: 0,
    ...limits,
  });
}
