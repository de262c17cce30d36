// How much there is to do.
import type pg from "pg";

/** Beyond it nobody counts: it would read the whole queue for one number in a log. */
const PENDING_COUNT_MAX = 10_000;

/** How many deliveries are pending, of all webhooks; counted to 10,000. */
export async function countPending(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>({
    name: "count pending",
    text: `select count(*) as count from (
      select from posthorn.deliveries where bucket = 0 limit $1
    ) as counted`,
    values: [PENDING_COUNT_MAX],
  });
  return rows[0]?.count ?? 0;
}
