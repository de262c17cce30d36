// Another look at a claimed delivery, before its request goes out a second time.
import type pg from "pg";

import type { ClaimedDelivery } from "./claim.ts";

/** Says whether a delivery's lease still holds, and its webhook is as it was and takes requests: one read by two keys. */
export async function mayStillSend(
  pool: pg.Pool,
  { tenant, id, fence }: Pick<ClaimedDelivery, "tenant" | "id" | "fence">,
  webhookVersion: string,
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: "look again",
    text: `
      select from posthorn.deliveries as d
      cross join lateral (
        select version, status, paused, health, deleted_at from posthorn.webhooks
        where webhook_id = d.webhook_id
        offset 0
      ) as w
      where d.bucket = 0 and d.tenant = $1 and d.id = $2 and d.fence = $3 and d.locked_until > clock_timestamp()
        and w.version = $4 and w.status = 'Subscribed' and not w.paused and w.health <> 'disabled' and w.deleted_at is null`,
    values: [tenant, id, fence, webhookVersion],
  });
  return rowCount === 1;
}
