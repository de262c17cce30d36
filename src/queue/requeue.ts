// After a change of a webhook its rows are requeued: cancelled, in the lanes of its order, due now. Meanwhile the
// claim passes it by, so that the change holds at once, and the rows follow a thousand at a time.
import type pg from "pg";

import { SWEEP_ROWS_MAX } from "./move.ts";

const WEBHOOKS_PER_RUN = 50; // of those under way; the next run goes on behind them

type Requeued = { moved: number; goesOn: boolean };

/** Has all rows of webhooks requeued, by whatever worker comes to it first. */
export async function requeueAll(pool: pg.Pool, webhookIds: readonly number[]): Promise<void> {
  await pool.query({
    name: "requeue",
    text: "select posthorn.requeue($1::bigint[])",
    values: [webhookIds],
  });
}

/** Requeues the next thousand rows of one webhook. Answers how many it moved, and whether there are more. */
export async function requeueSome(pool: pg.Pool, webhookId: number): Promise<Requeued> {
  const { rows } = await pool.query<Requeued>({
    name: "requeue some",
    text: `select moved, goes_on as "goesOn" from posthorn.requeue_rows($1, $2)`,
    values: [webhookId, SWEEP_ROWS_MAX],
  });
  const [row] = rows;
  if (!row) throw new Error("a function without an answer");
  return row;
}

/**
 * Makes the task that requeues rows, a thousand of each webhook a run. Any number of workers may run it. Answers how
 * many it moved, or SWEEP_ROWS_MAX where it should go on at once.
 */
export function createRequeue(pool: pg.Pool): () => Promise<number> {
  let after = 0;
  return async () => {
    const { rows } = await pool.query<{ webhook_id: number }>({
      name: "to requeue",
      text: `select webhook_id from posthorn.webhook_states
        where bucket = 0 and requeued_to is not null and webhook_id > $1 order by webhook_id limit ${WEBHOOKS_PER_RUN}`,
      values: [after],
    });
    let moved = 0;
    let goesOn = rows.length === WEBHOOKS_PER_RUN;
    for (const { webhook_id: id } of rows) {
      after = id; // also where this one fails: it must not keep the others from their turn
      const some = await requeueSome(pool, id);
      moved += some.moved;
      goesOn ||= some.goesOn;
    }
    if (rows.length < WEBHOOKS_PER_RUN) after = 0;
    return goesOn ? SWEEP_ROWS_MAX : Math.min(moved, SWEEP_ROWS_MAX - 1);
  };
}
