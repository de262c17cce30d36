// Wide fan-outs: a publish stores what it matched in one row, and workers make the deliveries of it.
import type pg from "pg";

import { SWEEP_ROWS_MAX } from "./move.ts";

/**
 * Makes the next deliveries of events that match many webhooks, at most SWEEP_ROWS_MAX, the oldest event's first.
 * Answers how many. Any number of workers may: each takes an event that no other is at, and a step is one transaction.
 */
export async function expandSome(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<{ made: number }>({
    name: "expand",
    text: "select posthorn.expand($1) as made",
    values: [SWEEP_ROWS_MAX],
  });
  return rows[0]?.made ?? 0;
}
