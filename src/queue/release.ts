// Gives back what was claimed and not sent.
import type pg from "pg";

import type { ClaimedDelivery } from "./claim.ts";

/** Gives deliveries back unsent: nobody's, due as before, and no step of their waits spent. */
export async function releaseClaimed(
  pool: pg.Pool,
  deliveries: readonly Pick<ClaimedDelivery, "id" | "fence" | "tenant">[],
): Promise<void> {
  await pool.query(
    `with found as materialized (
       select row.* from unnest($1::uuid[], $2::bigint[], $3::text[]) as given (id, fence, tenant)
       cross join lateral (
         select d.ctid as place_of_row, d.fence from posthorn.deliveries as d
         where d.bucket = 0 and d.tenant = given.tenant and d.id = given.id and d.fence = given.fence
         offset 0
       ) as row
     )
     update posthorn.deliveries as d set locked_until = null
     from found as f where d.ctid = f.place_of_row and d.fence = f.fence`,
    [
      deliveries.map((delivery) => delivery.id),
      deliveries.map((delivery) => delivery.fence),
      deliveries.map((delivery) => delivery.tenant),
    ],
  );
}

/** Ends every lease: for a database that nobody is at work on, as a copy is when it is made. */
export async function endLeases(client: pg.ClientBase): Promise<void> {
  await client.query(
    "update posthorn.deliveries set locked_until = null where locked_until is not null",
  );
}
