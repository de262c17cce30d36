// What the loop does beside claiming: due rows become ready, and rows follow their webhook's state.
import type pg from "pg";

/** Rows moved by one statement: a thousand take 5 ms, and no transaction grows with the queue. */
export const SWEEP_ROWS_MAX = 1_000;

/** Makes waiting rows ready once they are due. Answers how many. */
export function stageDue(pool: pg.Pool): Promise<number> {
  return run(
    pool,
    "stage",
    `update posthorn.deliveries set state = 0
     where bucket = 0 and (tenant, id) in (
       select tenant, id from posthorn.deliveries
       where bucket = 0 and state = 1 and due_at <= now()
       order by due_at, id limit $1 for update skip locked
     )`,
  );
}

// The ended webhooks of a span of ids, at most a thousand, and at most so many of their rows.
const CANCEL = `
  with ended as (
    select webhook_id, deleted_at from posthorn.webhooks
    where (status <> 'Subscribed' or deleted_at is not null) and webhook_id between $2::bigint and $3::bigint
    order by webhook_id limit $1
  ),
  gone as (
    delete from posthorn.deliveries
    where bucket = 0 and (tenant, id) in (
      select d.tenant, d.id from ended
      cross join lateral (
        select tenant, id from posthorn.deliveries
        where bucket = 0 and webhook_id = ended.webhook_id
        order by id limit $1 for update skip locked
      ) as d
      limit $1
    )
    returning *
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

/**
 * Cancels what is left of a webhook that is unsubscribed or deleted, all of it: what were left to the sweep would be
 * sent after all where a subscribe follows at once.
 */
export async function cancelEnded(pool: pg.Pool, webhookId: number): Promise<void> {
  let cancelled: number;
  do ({ cancelled } = await cancelIn(pool, webhookId, webhookId));
  while (cancelled === SWEEP_ROWS_MAX);
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

// The webhooks that have rows in a state, found by a skip-scan: each costs one probe, however many rows it has.
const withRowsIn = (state: 0 | 2) => `
  with recursive having_rows as (
    (select webhook_id from posthorn.deliveries where bucket = 0 and state = ${state} order by webhook_id limit 1)
    union all
    select following.webhook_id from having_rows cross join lateral (
      select webhook_id from posthorn.deliveries
      where bucket = 0 and state = ${state} and webhook_id > having_rows.webhook_id
      order by webhook_id limit 1
    ) as following
  )`;
const READY = withRowsIn(0);

/** A statement's head: the webhooks that hold rows, as `having_rows`. */
export const HOLDING = withRowsIn(2);

/** Puts aside the ready rows of webhooks that are paused or disabled, so that the claim does not meet them. */
export function holdResting(pool: pg.Pool): Promise<number> {
  return run(
    pool,
    "hold resting",
    `${READY}
     update posthorn.deliveries set state = 2, due_at = now()
     where bucket = 0 and (tenant, id) in (
       select d.tenant, d.id from having_rows
       join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id and (w.paused or w.health = 'disabled')
         and w.status = 'Subscribed' and w.deleted_at is null
       cross join lateral (
         select tenant, id from posthorn.deliveries
         where bucket = 0 and state = 0 and webhook_id = w.webhook_id and (locked_until is null or locked_until < now())
         order by due_at, id limit $1 for update skip locked
       ) as d
       limit $1
     )`,
  );
}

const RELEASE_FIRST = 10; // rows in the first second after a hold, twice as many in each that follows

/**
 * Makes held rows ready whose webhook is neither paused nor disabled, oldest first, and slowly at first: a receiver that
 * has just come back is not met by all that waited for it.
 */
export function releaseHeld(pool: pg.Pool): Promise<number> {
  return run(
    pool,
    "release held",
    `${HOLDING}
     update posthorn.deliveries set state = 0, due_at = now()
     where bucket = 0 and (tenant, id) in (
       select d.tenant, d.id from having_rows
       join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id and not w.paused and w.health <> 'disabled'
         and w.status = 'Subscribed' and w.deleted_at is null
       cross join lateral (
         select tenant, id from posthorn.deliveries
         where bucket = 0 and state = 2 and webhook_id = w.webhook_id
         order by due_at, id
         limit least($1, $2 * 2 ^ least(20, extract(epoch from now() - w.released_at)))::integer
         for update skip locked
       ) as d
       limit $1
     )`,
    RELEASE_FIRST,
  );
}

/** Cancels rows held longer than `holdH` hours by a webhook that is held now. */
export function cancelHeldTooLong(pool: pg.Pool, holdH: number): Promise<number> {
  return run(
    pool,
    "cancel held too long",
    `${HOLDING},
     gone as (
       delete from posthorn.deliveries
       where bucket = 0 and (tenant, id) in (
         select d.tenant, d.id from having_rows
         join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id and (w.paused or w.health = 'disabled')
         cross join lateral (
           select tenant, id from posthorn.deliveries
           where bucket = 0 and state = 2 and webhook_id = w.webhook_id
             and due_at < now() - $2::integer * interval '1 hour'
           order by due_at, id limit $1 for update skip locked
         ) as d
         limit $1
       )
       returning *
     )
     insert into posthorn.finished_deliveries
       (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, status, reason, finished_at)
     select tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, 'cancelled', 'held_too_long', now()
     from gone`,
    holdH,
  );
}

/** Forgets idempotency keys past their time. */
export function forgetKeys(pool: pg.Pool, idempotencyH: number): Promise<number> {
  return run(
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

async function run(pool: pg.Pool, name: string, text: string, ...more: unknown[]): Promise<number> {
  const { rowCount } = await pool.query({ name, text, values: [SWEEP_ROWS_MAX, ...more] });
  return rowCount ?? 0;
}
