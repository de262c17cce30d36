// Ordered webhooks: the first delivery of each lane is ready, those behind it are queued.
import type pg from "pg";

import { move, webhooksWith } from "./move.ts";

const LANES_MAX = 64; // looked at of one webhook in one go; the next goes on behind them
const WEBHOOKS_MAX = 50; // of one look

/** Where a look at a webhook's lanes goes on; absent: at the first. */
export type LaneCursors = Map<number, number>;

/**
 * Makes the first delivery of free lanes ready, of up to 50 webhooks with greater ids than `afterWebhook`, 64 lanes of
 * each. Answers how many, and the webhook to go on behind: null where it came round.
 */
export async function advanceSome(
  pool: pg.Pool,
  cursors: LaneCursors,
  afterWebhook: number,
): Promise<{ advanced: number; cutAfter: number | null }> {
  const { rows } = await pool.query<Advance>({
    name: "advance some",
    text: `
      with recursive scan as (
        (
          select webhook_id, 1 as looked from posthorn.deliveries
          where bucket = 0 and state = 3 and webhook_id > $1::bigint order by webhook_id limit 1
        )
        union all
        select following.webhook_id, scan.looked + 1 from scan cross join lateral (
          select webhook_id from posthorn.deliveries
          where bucket = 0 and state = 3 and webhook_id > scan.webhook_id order by webhook_id limit 1
        ) as following
        where scan.looked < ${WEBHOOKS_MAX}
      )
      select scan.webhook_id, a.advanced, a.last_lane from scan cross join lateral
        posthorn.advance_lanes(scan.webhook_id, coalesce(($2::jsonb ->> scan.webhook_id::text)::bigint, -1), ${LANES_MAX}) as a`,
    values: [afterWebhook, JSON.stringify(Object.fromEntries(cursors))],
  });
  for (const { webhook_id: id, last_lane: lane } of rows)
    if (lane === null) cursors.delete(id);
    else cursors.set(id, lane);
  return {
    advanced: rows.reduce((sum, row) => sum + row.advanced, 0),
    cutAfter: rows.length === WEBHOOKS_MAX ? (rows.at(-1)?.webhook_id ?? null) : null,
  };
}

type Advance = { webhook_id: number; advanced: number; last_lane: number | null };

/** Makes the next delivery of lanes ready whose head has just finished. Answers how many. */
export async function advanceFreed(
  pool: pg.Pool,
  lanes: readonly { webhook_id: number; lane: number }[],
): Promise<number> {
  const { rows } = await pool.query<{ advanced: number }>({
    name: "advance freed",
    text: `select a.advanced from unnest($1::bigint[], $2::bigint[]) as freed (webhook_id, lane)
      cross join lateral posthorn.advance_lanes(freed.webhook_id, freed.lane - 1, 1) as a`,
    values: [lanes.map(({ webhook_id }) => webhook_id), lanes.map(({ lane }) => lane)],
  });
  return rows.reduce((sum, row) => sum + row.advanced, 0);
}

/**
 * Puts rows in the lane that their webhook's order gives them: an order that was changed, or a publish that committed
 * after the change, leaves others. Answers how many it moved.
 */
export function refitLanes(pool: pg.Pool): Promise<number> {
  return move(
    pool,
    "refit lanes",
    `with recursive ${webhooksWith("with_ready", 0)}, ${webhooksWith("with_queued", 3)},
     misfits as (
       select d.*, w.delivery_order
       from with_ready
       join posthorn.webhooks as w on w.webhook_id = with_ready.webhook_id and w.delivery_order <> 'none'
       cross join lateral (
         select ctid as place_of_row, tenant, event_id from posthorn.deliveries
         where bucket = 0 and state = 0 and webhook_id = w.webhook_id
           and (lane is null or (lane = 0) <> (w.delivery_order = 'webhook'))
           and (locked_until is null or locked_until < now())
         order by due_at, id limit $1 for update skip locked
       ) as d
       union all
       select d.*, w.delivery_order
       from with_queued
       join posthorn.webhooks as w on w.webhook_id = with_queued.webhook_id
       cross join lateral (
         select ctid as place_of_row, tenant, event_id from posthorn.deliveries
         where bucket = 0 and state = 3 and webhook_id = w.webhook_id
           and lane >= case w.delivery_order when 'webhook' then 1 else 0 end
           and (w.delivery_order <> 'channel' or lane = 0)
         order by lane, id limit $1 for update skip locked
       ) as d
       limit $1
     )
     update posthorn.deliveries as d
     set lane = posthorn.lane(m.delivery_order, e.channel), state = case when m.delivery_order = 'none' then 0 else 3 end
     from misfits as m left join lateral (
       select channel from posthorn.events where bucket = 0 and tenant = m.tenant and id = m.event_id offset 0
     ) as e on true
     where d.ctid = m.place_of_row`,
  );
}
