// Rows follow their webhook's state: what is paused, disabled or backing off is parked, and comes back from there.
import type pg from "pg";

import { cancelGone } from "./cancelled.ts";
import { move, webhooksWith } from "./move.ts";

/** A statement's head: the webhooks that have parked rows, as `having_rows`. */
export const HAVING_PARKED = `with recursive ${webhooksWith("having_rows", 2)}`;

const FREE = "(locked_until is null or locked_until < now())";

// From the few that rest, not from all that have rows: ten thousand webhooks at work would cost a tenth of a second each
// second, and each worker. The order names the index.
const HELD = `(
  select webhook_id, now() as since from posthorn.webhooks
  where (paused or health = 'disabled') and status = 'Subscribed' and deleted_at is null order by webhook_id
)`;

// A moment's wait is sat out by the claim, which passes them by.
const BACKING_OFF = `(
  select webhook_id, not_before as since from posthorn.webhook_states
  where bucket = 0 and not_before > now() + interval '2 seconds' order by not_before
)`;

/**
 * Parks the rows of webhooks that are paused, disabled, or backing off (Retry-After), so that no claim meets them.
 * What is queued behind them stays where it is while they only back off. A parked row's due_at is from when on it is
 * held: at once, or from the end of that wait on.
 */
export function park(pool: pg.Pool): Promise<number> {
  const ready = (webhooks: string) => `
       select d.place_of_row, w.since from ${webhooks} as w cross join lateral (
         select ctid as place_of_row from posthorn.deliveries
         where bucket = 0 and state = 0 and webhook_id = w.webhook_id and ${FREE}
         order by due_at, id limit $1 for update skip locked
       ) as d`;
  return move(
    pool,
    "park",
    `with held as (
       ${ready(HELD)}
       union all
       ${ready(BACKING_OFF)}
       union all
       select d.place_of_row, w.since from ${HELD} as w cross join lateral (
         select ctid as place_of_row from posthorn.deliveries
         where bucket = 0 and state = 3 and webhook_id = w.webhook_id
         order by lane, id limit $1 for update skip locked
       ) as d
       limit $1
     )
     update posthorn.deliveries as d set state = 2, due_at = r.since
     from held as r where d.ctid = r.place_of_row`,
  );
}

// Takes rows back from where they were parked, of those of the `candidates` that rest no more, oldest first. They don't meet
// the receiver all at once: the end of a hold leaves its webhook unproven, with one slot until one has succeeded.
const unparkSql = (candidates: string) => `
     ${candidates},
     unparked as (
       select d.*, w.delivery_order
       from having_rows
       join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id and not w.paused and w.health <> 'disabled'
         and w.status = 'Subscribed' and w.deleted_at is null
       join posthorn.webhook_states as s on s.bucket = 0 and s.webhook_id = w.webhook_id
         and (s.not_before is null or s.not_before <= now())
       cross join lateral (
         select ctid as place_of_row, lane, cause <> 'publish' and attempts_made = 0 as is_again
         from posthorn.deliveries
         where bucket = 0 and state = 2 and webhook_id = w.webhook_id
         order by due_at, id limit $1 for update skip locked
       ) as d
       limit $1
     )
     update posthorn.deliveries as d
     set state = case when u.delivery_order = 'none' or u.lane is null then 0 else 3 end,
       lane = case when u.delivery_order <> 'none' then u.lane end,
       -- What was sent again before the rest still goes behind what is live.
       due_at = now() + case when u.is_again then interval '1 day' else interval '0' end
     from unparked as u where d.ctid = u.place_of_row`;

const UNPARK = unparkSql(HAVING_PARKED);
const UNPARK_OF = unparkSql("with having_rows as (select $2::bigint as webhook_id)");
const UNPARK_AFTER_BACKOFF = unparkSql(`with having_rows as (
       update posthorn.webhook_states as s set not_before = null
       where s.bucket = 0 and s.webhook_id = any (array(
         select webhook_id from posthorn.webhook_states
         where bucket = 0 and not_before <= now() order by not_before limit 100 for update skip locked
       ))
       returning s.webhook_id
     )`);

/** Takes back the rows of webhooks that rest no more. Answers how many. */
export function unpark(pool: pg.Pool): Promise<number> {
  return move(pool, "unpark", UNPARK);
}

/** Takes back the first thousand rows of one webhook, unless it is held or backing off. */
export function unparkOf(pool: pg.Pool, webhookId: number): Promise<number> {
  return move(pool, "unpark of", UNPARK_OF, webhookId);
}

/** Takes back the first thousand rows of webhooks whose Retry-After is over; what is more `unpark` takes. Answers how many. */
export function unparkAfterBackoff(pool: pg.Pool): Promise<number> {
  return move(pool, "unpark after backoff", UNPARK_AFTER_BACKOFF);
}

/** Cancels rows held longer than `holdH` hours by a webhook that is held now. */
export function cancelHeldTooLong(pool: pg.Pool, holdH: number): Promise<number> {
  return move(
    pool,
    "cancel held too long",
    `${HAVING_PARKED},
     overdue as (
         select d.place_of_row from having_rows
         join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id and (w.paused or w.health = 'disabled')
         cross join lateral (
           select ctid as place_of_row from posthorn.deliveries
           where bucket = 0 and state = 2 and webhook_id = w.webhook_id
             and due_at < now() - $2::integer * interval '1 hour'
           order by due_at, id limit $1 for update skip locked
         ) as d
         limit $1
     ),
     gone as (
       delete from posthorn.deliveries as d using overdue as o
       where d.ctid = o.place_of_row
       returning d.*
     )
     ${cancelGone("held_too_long")}`,
    holdH,
  );
}
