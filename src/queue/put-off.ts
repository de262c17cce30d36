// Claimed deliveries that can't start before a while: they wait, and no step of their waits is spent.
import type pg from "pg";

import type { ClaimedDelivery } from "./claim.ts";

/** Gives deliveries back unsent, each due after its `waitMs` by the database's clock; claimed at once they would only come back. */
export async function putOff(
  pool: pg.Pool,
  deliveries: readonly (Pick<ClaimedDelivery, "id" | "fence" | "tenant"> & { waitMs: number })[],
): Promise<void> {
  await pool.query(
    `with found as materialized (
       select row.*, given.wait_ms
       from unnest($1::uuid[], $2::bigint[], $3::text[], $4::float8[]) as given (id, fence, tenant, wait_ms)
       cross join lateral (
         select d.ctid as place_of_row, d.fence from posthorn.deliveries as d
         where d.bucket = 0 and d.tenant = given.tenant and d.id = given.id and d.fence = given.fence
         offset 0
       ) as row
     )
     update posthorn.deliveries as d
     set state = 1, due_at = now() + f.wait_ms * interval '1 millisecond', locked_until = null
     from found as f where d.ctid = f.place_of_row and d.fence = f.fence`,
    [
      deliveries.map((delivery) => delivery.id),
      deliveries.map((delivery) => delivery.fence),
      deliveries.map((delivery) => delivery.tenant),
      deliveries.map((delivery) => delivery.waitMs),
    ],
  );
}
