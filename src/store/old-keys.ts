// Signature keys that were rotated out, and no longer sign.
import type pg from "pg";

import { move } from "../queue/move.ts";

/** Wipes the keys whose overlap has ended. Answers how many. */
export function wipeOldKeys(pool: pg.Pool): Promise<number> {
  return move(
    pool,
    "wipe old keys",
    `with over as (
       select webhook_id from posthorn.webhooks
       where previous_key_expires_at <= now()
       order by previous_key_expires_at limit $1 for update skip locked
     )
     update posthorn.webhooks as w set previous_key_sealed = null, previous_key_expires_at = null
     from over where w.webhook_id = over.webhook_id`,
  );
}
