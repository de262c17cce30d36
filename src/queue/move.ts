// What the statements that move rows from state to state have in common.
import type pg from "pg";

/** Rows moved by one statement: a thousand take 5 ms, and no transaction grows with the queue. */
export const SWEEP_ROWS_MAX = 1_000;

/** Runs a statement whose first value is the most rows that it may move. Answers how many it moved. */
export async function move(
  pool: pg.Pool,
  name: string,
  text: string,
  ...more: unknown[]
): Promise<number> {
  const { rowCount } = await pool.query({ name, text, values: [SWEEP_ROWS_MAX, ...more] });
  return rowCount ?? 0;
}

/** The webhooks that have rows in a state, found by a skip-scan: each costs one probe, however many rows it has. */
export function webhooksWith(name: string, state: 0 | 2 | 3): string {
  return `
  ${name} as (
    (select webhook_id from posthorn.deliveries where bucket = 0 and state = ${state} order by webhook_id limit 1)
    union all
    select following.webhook_id from ${name} cross join lateral (
      select webhook_id from posthorn.deliveries
      where bucket = 0 and state = ${state} and webhook_id > ${name}.webhook_id
      order by webhook_id limit 1
    ) as following
  )`;
}
