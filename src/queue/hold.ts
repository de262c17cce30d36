// Rows follow their webhook's state: what is paused or disabled holds, what is told to wait waits, and comes back.
import type pg from "pg";

import { move, webhooksWith } from "./move.ts";

/** A statement's head: the webhooks that hold rows, as `having_rows`. */
export const HOLDING = `with recursive ${webhooksWith("having_rows", 2)}`;

const FREE = "(locked_until is null or locked_until < now())";

// From the few that rest, not from all that have rows: ten thousand webhooks at work would cost a tenth of a second each
// second, and each worker. The order names the index.
const RESTING = `(
  select webhook_id from posthorn.webhooks
  where (paused or health = 'disabled') and status = 'Subscribed' and deleted_at is null order by webhook_id
)`;

/** Puts aside the rows of webhooks that are paused or disabled, so that no claim meets them. */
export function holdResting(pool: pg.Pool): Promise<number> {
  return move(
    pool,
    "hold resting",
    `with resting as (
       select d.place_of_row from ${RESTING} as w cross join lateral (
         select ctid as place_of_row from posthorn.deliveries
         where bucket = 0 and state = 0 and webhook_id = w.webhook_id and ${FREE}
         order by due_at, id limit $1 for update skip locked
       ) as d
       union all
       select d.place_of_row from ${RESTING} as w cross join lateral (
         select ctid as place_of_row from posthorn.deliveries
         where bucket = 0 and state = 3 and webhook_id = w.webhook_id
         order by lane, id limit $1 for update skip locked
       ) as d
       limit $1
     )
     update posthorn.deliveries as d set state = 2, due_at = now()
     from resting as r where d.ctid = r.place_of_row`,
  );
}

/**
 * Takes held rows back whose webhook is neither paused nor disabled, oldest first. They don't meet the receiver all at
 * once: the end of a hold leaves its webhook unproven, with one place until one has succeeded.
 */
export function releaseHeld(pool: pg.Pool): Promise<number> {
  return move(
    pool,
    "release held",
    `${HOLDING},
     released as (
       select d.place_of_row, d.is_again, d.lane, coalesce(w.delivery_order = 'webhook' and d.lane = 0
         or w.delivery_order = 'channel' and d.lane > 0, false) as is_queued
       from having_rows
       join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id and not w.paused and w.health <> 'disabled'
         and w.status = 'Subscribed' and w.deleted_at is null
       cross join lateral (
         select ctid as place_of_row, lane, cause in ('replay', 'retry') and attempts_made = 0 as is_again
         from posthorn.deliveries
         where bucket = 0 and state = 2 and webhook_id = w.webhook_id
         order by due_at, id limit $1 for update skip locked
       ) as d
       limit $1
     )
     update posthorn.deliveries as d
     set state = case when r.is_queued then 3 else 0 end, lane = case when r.is_queued then r.lane end,
       -- What was sent again before the hold still goes behind what is live.
       due_at = now() + case when r.is_again then interval '1 day' else interval '0' end
     from released as r where d.ctid = r.place_of_row`,
  );
}

/** Puts the ready rows of webhooks that asked for more than a moment's wait aside until it is over. */
export function postponeTold(pool: pg.Pool): Promise<number> {
  return move(
    pool,
    "postpone told",
    `with told as (
       select d.place_of_row, s.not_before
       from (
         select webhook_id, not_before from posthorn.webhook_states
         where bucket = 0 and not_before > now() + interval '2 seconds' order by not_before
       ) as s
       cross join lateral (
         select ctid as place_of_row from posthorn.deliveries
         where bucket = 0 and state = 0 and webhook_id = s.webhook_id and ${FREE}
         order by due_at, id limit $1 for update skip locked
       ) as d
       limit $1
     )
     update posthorn.deliveries as d set state = 1, due_at = t.not_before
     from told as t where d.ctid = t.place_of_row`,
  );
}

/** Cancels rows held longer than `holdH` hours by a webhook that is held now. */
export function cancelHeldTooLong(pool: pg.Pool, holdH: number): Promise<number> {
  return move(
    pool,
    "cancel held too long",
    `${HOLDING},
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
     insert into posthorn.finished_deliveries
       (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, status, reason, finished_at)
     select tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, 'cancelled', 'held_too_long', now()
     from gone`,
    holdH,
  );
}
