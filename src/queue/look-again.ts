// Another look at claimed deliveries, where what the claim saw is too old to send by.
import type pg from "pg";

import { plainArray } from "../database/array-literal.ts";
import type { ClaimedDelivery } from "./claim.ts";
import { maySend } from "./sending.ts";

/** A claimed delivery, and the version of its webhook that it would be sent by. */
export type Sendable = Pick<ClaimedDelivery, "tenant" | "id" | "fence"> & { version: string };

/** Says of which the lease still holds, and the webhook is as it was and takes requests: one read by two keys each. */
export async function whichMayBeSent(
  { pool, installation }: { pool: pg.Pool; installation: string | null },
  deliveries: readonly Sendable[],
): Promise<Set<string>> {
  const column = (name: keyof Sendable) => plainArray(deliveries.map((each) => each[name]));
  const { rows } = await pool.query<{ id: string }>({
    name: "look again",
    text: `
      select given.id from unnest($1::text[], $2::uuid[], $3::bigint[], $4::uuid[]) as given (tenant, id, fence, version)
      cross join lateral (
        select webhook_id from posthorn.deliveries as d
        where d.bucket = 0 and d.tenant = given.tenant and d.id = given.id and d.fence = given.fence
          and d.locked_until > clock_timestamp()
        offset 0
      ) as held
      cross join lateral (
        select from posthorn.webhooks as w
        where w.webhook_id = held.webhook_id and w.version = given.version and w.status = 'Subscribed'
          and not w.paused and w.health <> 'disabled' and w.deleted_at is null
        offset 0
      ) as takes
      where ${maySend("$5")}`,
    values: [column("tenant"), column("id"), column("fence"), column("version"), installation],
  });
  return new Set(rows.map(({ id }) => id));
}
