// After a change of a webhook its rows are put in their places: cancelled, in the lanes of its order, due now. Meanwhile the
// claim passes it by, so that the change holds at once, and the rows follow a thousand at a time.
import type pg from "pg";

import { SWEEP_ROWS_MAX } from "./move.ts";

const WEBHOOKS_PER_RUN = 50; // of those under way; the next run goes on behind them

type Placed = { moved: number; goesOn: boolean };

/** Has all rows of webhooks put in their places, by whatever worker comes to it first. */
export async function placeAnew(pool: pg.Pool, webhookIds: readonly number[]): Promise<void> {
  await pool.query({
    name: "place anew",
    text: "select posthorn.place_anew($1::bigint[])",
    values: [webhookIds],
  });
}

/** Puts the next thousand rows of one webhook in their places. Answers how many it moved, and whether there are more. */
export async function placeSome(pool: pg.Pool, webhookId: number): Promise<Placed> {
  const { rows } = await pool.query<Placed>({
    name: "place some",
    text: `select moved, goes_on as "goesOn" from posthorn.place_rows($1, $2)`,
    values: [webhookId, SWEEP_ROWS_MAX],
  });
  const [row] = rows;
  if (!row) throw new Error("a function without an answer");
  return row;
}

/**
 * Makes the task that puts rows in their places, a thousand of each webhook a run. Any number of workers may run it. Answers how
 * many it moved, or SWEEP_ROWS_MAX where it should go on at once.
 */
export function createPlacing(pool: pg.Pool): () => Promise<number> {
  let after = 0;
  return async () => {
    const { rows } = await pool.query<{ webhook_id: number }>({
      name: "unplaced",
      text: `select webhook_id from posthorn.webhook_states
        where bucket = 0 and placed_to is not null and webhook_id > $1 order by webhook_id limit ${WEBHOOKS_PER_RUN}`,
      values: [after],
    });
    let moved = 0;
    let goesOn = rows.length === WEBHOOKS_PER_RUN;
    for (const { webhook_id: id } of rows) {
      after = id; // also where this one fails: it must not keep the others from their turn
      const placed = await placeSome(pool, id);
      moved += placed.moved;
      goesOn ||= placed.goesOn;
    }
    if (rows.length < WEBHOOKS_PER_RUN) after = 0;
    return goesOn ? SWEEP_ROWS_MAX : Math.min(moved, SWEEP_ROWS_MAX - 1);
  };
}
