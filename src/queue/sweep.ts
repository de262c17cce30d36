// What the loop does beside claiming: due rows become ready, and rows follow their webhook's state.
import type pg from "pg";

import { sleep } from "../kernel/clock.ts";
import { move, SWEEP_ROWS_MAX } from "./move.ts";

/** Makes waiting rows ready once they are due. Answers how many, and how long it is to the next: null where none waits. */
export async function stageDue(pool: pg.Pool): Promise<{ staged: number; dueInMs: number | null }> {
  const { rows } = await pool.query<{ staged: number; dueInMs: number | null }>({
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
      )
      select (select count(*) from staged)::integer as staged, (
        select extract(epoch from due_at - now())::float8 * 1000 from posthorn.deliveries
        where bucket = 0 and state = 1 and due_at > now() order by due_at, id limit 1
      ) as "dueInMs"`,
    values: [SWEEP_ROWS_MAX],
  });
  const [row] = rows;
  if (!row) throw new Error("an aggregate without a row");
  return row;
}

// The ended webhooks of a span of ids, at most a thousand, and at most so many of their rows.
const CANCEL = `
  with ended as (
    select webhook_id, deleted_at from posthorn.webhooks
    where (status <> 'Subscribed' or deleted_at is not null) and webhook_id between $2::bigint and $3::bigint
    order by webhook_id limit $1
  ),
  left_behind as (
      select d.place_of_row from ended
      cross join lateral (
        select ctid as place_of_row from posthorn.deliveries
        where bucket = 0 and webhook_id = ended.webhook_id and webhook_id > 0
        order by id limit $1 for update skip locked
      ) as d
      limit $1
  ),
  gone as (
    delete from posthorn.deliveries as d using left_behind as l
    where d.ctid = l.place_of_row
    returning d.*
  ),
  finished as (
    insert into posthorn.finished_deliveries
      (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, status, reason, finished_at)
    select g.tenant, g.id, g.event_id, g.webhook_id, g.sequence, g.created_at, g.cause, g.attempts_made, 'cancelled',
      case when ended.deleted_at is null then 'unsubscribed' else 'deleted' end, now()
    from gone as g join ended on ended.webhook_id = g.webhook_id
  )
  select (select count(*) from gone) as cancelled, count(*) as looked_at, max(webhook_id) as last from ended`;

async function cancelIn(pool: pg.Pool, from: number, to: number) {
  const { rows } = await pool.query<{ cancelled: number; looked_at: number; last: number | null }>({
    name: "cancel ended",
    text: CANCEL,
    values: [SWEEP_ROWS_MAX, from, to],
  });
  const [row] = rows;
  if (!row) throw new Error("an aggregate without a row");
  return row;
}

// What a claim, a stage or a settle has locked is free again within some milliseconds. Not waited for row by row: two
// statements that wait for several of each other's rows would deadlock.
const LOOK_AGAIN_MS = 5;
const LOOKS_MAX = 200; // a second: what is locked for longer is left to the sweep

/**
 * Cancels what is left of a webhook that is unsubscribed or deleted, all of it, also what others have locked: what were left
 * to the sweep would be sent after all where a subscribe follows at once.
 */
export async function cancelEnded(pool: pg.Pool, webhookId: number): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks++) {
    let run;
    do run = await cancelIn(pool, webhookId, webhookId);
    while (run.cancelled === SWEEP_ROWS_MAX);
    const isSubscribedAgain = run.looked_at === 0;
    if (isSubscribedAgain || !(await hasRows(pool, webhookId))) return;
    await sleep(LOOK_AGAIN_MS);
  }
}

async function hasRows(pool: pg.Pool, webhookId: number): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>({
    name: "has deliveries",
    text: `select exists (
      select from posthorn.deliveries where bucket = 0 and webhook_id = $1 and webhook_id > 0
    ) as found`,
    values: [webhookId],
  });
  return rows[0]?.found ?? false;
}

/**
 * Cancels what late commits left behind of ended webhooks. Each run looks at the next thousand of them, for they only
 * ever become more: a look at 100,000 took 0.8 s. Answers how many rows it cancelled.
 */
export function createEndedSweep(pool: pg.Pool): () => Promise<number> {
  let after = 0;
  return async () => {
    const { cancelled, looked_at, last } = await cancelIn(pool, after + 1, Number.MAX_SAFE_INTEGER);
    if (cancelled < SWEEP_ROWS_MAX) after = looked_at < SWEEP_ROWS_MAX ? 0 : (last ?? 0);
    return cancelled;
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
