// What the loop does beside claiming: due rows become ready, and rows follow their webhook's state.
import type pg from "pg";

import { move, SWEEP_ROWS_MAX } from "./move.ts";
import { requeueAll } from "./requeue.ts";

export type Staged = {
  staged: number;
  /** How long it is until the next wait ends, of a delivery or of a webhook; null where none does. */
  dueInMs: number | null;
  /** Whether a webhook's Retry-After is over, see unparkAfterBackoff. */
  isBackoffOver: boolean;
};

/** Makes waiting rows ready once they are due. */
export async function stageDue(pool: pg.Pool): Promise<Staged> {
  const { rows } = await pool.query<Staged>({
    name: "stage",
    text: `
      with due as (
        select ctid as place_of_row from posthorn.deliveries
        where bucket = 0 and state = 1 and due_at <= now()
        order by due_at, id limit $1 for update skip locked
      ),
      staged as (
        update posthorn.deliveries as d set state = 0
        from due where d.ctid = due.place_of_row
        returning 1
      ),
      next_due as (
        select due_at from posthorn.deliveries
        where bucket = 0 and state = 1 and due_at > now() order by due_at, id limit 1
      ),
      next_backoff as (
        select not_before from posthorn.webhook_states
        where bucket = 0 and not_before is not null order by not_before limit 1
      )
      select (select count(*) from staged)::integer as staged,
        extract(epoch from least((select due_at from next_due), (select not_before from next_backoff)) - now())::float8 * 1000
          as "dueInMs",
        coalesce((select not_before from next_backoff) <= now(), false) as "isBackoffOver"`,
    values: [SWEEP_ROWS_MAX],
  });
  const [row] = rows;
  if (!row) throw new Error("an aggregate without a row");
  return row;
}

/**
 * Has what late commits left behind of ended webhooks cancelled. Each run looks at the next thousand of them, for they only
 * ever become more: a look at 100,000 took 0.8 s. Answers how many webhooks it found rows of.
 */
export function createEndedSweep(pool: pg.Pool): () => Promise<number> {
  let after = 0;
  return async () => {
    const { rows } = await pool.query<{ looked_at: number; last: number | null; left: number[] }>({
      name: "ended",
      text: `
        with ended as (
          select webhook_id from posthorn.webhooks
          where (status <> 'Subscribed' or deleted_at is not null) and webhook_id > $1
          order by webhook_id limit $2
        ),
        with_rows as (
          select ended.webhook_id from ended cross join lateral (
            select from posthorn.deliveries
            where bucket = 0 and webhook_id = ended.webhook_id and webhook_id > 0 order by id limit 1
          ) as has
        )
        select count(*)::integer as looked_at, max(webhook_id) as last,
          array(select webhook_id from with_rows) as left
        from ended`,
      values: [after, SWEEP_ROWS_MAX],
    });
    const [row] = rows;
    if (!row) throw new Error("an aggregate without a row");
    after = row.looked_at < SWEEP_ROWS_MAX ? 0 : (row.last ?? 0);
    if (row.left.length > 0) await requeueAll(pool, row.left);
    return row.left.length;
  };
}

/** Forgets idempotency keys past their time. */
export function forgetKeys(pool: pg.Pool, idempotencyH: number): Promise<number> {
  return move(
    pool,
    "forget keys",
    `delete from posthorn.idempotency_keys where (tenant, key) in (
       select tenant, key from posthorn.idempotency_keys
       where created_at < now() - $2::integer * interval '1 hour'
       order by created_at limit $1 for update skip locked
     )`,
    idempotencyH,
  );
}
