// Which events a replay sends again: found page by page, counted and queued by the same statement's head.
import type pg from "pg";

import type { FinalStatus } from "../database/schema.ts";

const SCAN_ROWS = 5_000; // passed over by one statement, a few µs each: so that none is long where few match

/** Candidates judged by one statement of a count: each costs one probe for every day since its event. */
const COUNT_ROWS = 2_000;

/** What a replay looks for, and where it is. */
export type ReplaySearch = {
  tenant: string;
  webhook_id: number;
  /** Made from the time of the call: what is newer has been sent since, and is left out. */
  id: string;
  wanted: FinalStatus | "never" | null;
  since: string;
  until: string;
  position: string;
  pending_then: readonly string[];
  /** By a status: whether events are looked at where their first delivery stands, for their order; else at their newest. */
  by_first: boolean;
};

// An event that is yet to be fanned out to the webhook is on its way to it, though it has no delivery.
const IS_NOT_EXPANDING = `
      and not exists (
        select from posthorn.expansions as x
        where x.bucket = 0 and x.event_id = c.event_id and $2 = any (x.webhook_ids[x.done + 1 :])
        offset 0
      )`;

// By a status it passes over the webhook's own finished deliveries: that costs what this webhook got, not what its tenant
// published. Each event is judged once: at its newest delivery, which alone can have the status, so that all others are
// passed by unjudged; for a webhook with an order at its first, since those stand in the order of the events.
// The bounds of ids are constants of each statement, so that it reads only those days' partitions.
const byDelivery = (byFirst: boolean) => `
  scan as materialized (
    select f.id as place, f.event_id, f.status from posthorn.finished_deliveries as f
    where f.bucket = 0 and f.webhook_id = $2 and f.tenant = $1 and f.id > $3 and f.id < $7
    order by f.id limit ${SCAN_ROWS}
  ),
  candidates as materialized (
    select place, event_id from scan
    where event_id > $4 and event_id < $5 ${byFirst ? "" : "and status = $6"}
    order by place limit $10::integer
  )`;
const isWantedByDelivery = (byFirst: boolean) =>
  `past.status = $6 and past.${byFirst ? "first_id" : "newest_id"} = c.place`;

// Without one it passes over the tenant's events, and judges those that the webhook's filter takes in now.
const BY_EVENT = `
  scan as materialized (
    select e.id as place, e.id as event_id, e.type, e.channel from posthorn.events as e
    where e.bucket = 0 and e.tenant = $1 and e.id > $3 and e.id > $4 and e.id < $5
    order by e.id limit ${SCAN_ROWS}
  ),
  types as materialized (
    select t.type, array(
      select r.channel from posthorn.routes as r
      where r.tenant = $1 and r.webhook_id = $2 and r.type_pattern = any (posthorn.type_patterns(t.type))
    ) as channels
    from (select distinct type from scan) as t
  ),
  candidates as materialized (
    select place, event_id from scan join types using (type)
    where '' = any (types.channels) or scan.channel = any (types.channels)
    order by place limit $10::integer
  )`;
const IS_WANTED_BY_EVENT = "(past.newest_id is null or $6::text is distinct from 'never')";

// The webhook's, of one event, by the index of events: plain equality invites the index of webhooks, which, where statistics
// are older than the rows, was read from end to end for each event (4 ms each of 20,000, where this takes 10 µs).
const isOf = (table: string) =>
  `(${table}.event_id, ${table}.webhook_id) >= (c.event_id, $2) and (${table}.event_id, ${table}.webhook_id) <= (c.event_id, $2)`;

function matches({ wanted, by_first }: ReplaySearch): string {
  const isByDelivery = wanted !== null && wanted !== "never";
  return `with ${isByDelivery ? byDelivery(by_first) : BY_EVENT},
  matched as materialized (
    select c.place, c.event_id, past.sequence, past.finished_at, kept.payload_bytes
    from candidates as c
    cross join lateral (
      select (array_agg(f.id order by f.id))[1] as first_id, (array_agg(f.id order by f.id desc))[1] as newest_id,
        (array_agg(f.status order by f.id desc))[1] as status, max(f.sequence) as sequence, max(f.finished_at) as finished_at
      from (
        select * from posthorn.finished_deliveries as f
        where f.bucket = 0 and f.event_id = c.event_id and ${isOf("f")}
          and f.id >= posthorn.lowest_of_millisecond(c.event_id) and f.id > $4 and f.id < $9
        offset 0
      ) as f
    ) as past
    cross join lateral (
      select octet_length(p.payload) as payload_bytes from posthorn.event_payloads as p
      where p.bucket = 0 and p.tenant = $1 and p.id = c.event_id and p.id > $4 and p.id < $5 and p.payload is not null
      offset 0
    ) as kept
    where ${isByDelivery ? isWantedByDelivery(by_first) : IS_WANTED_BY_EVENT}
      and (past.newest_id is null or (past.newest_id < $7 and past.newest_id <> all ($8::uuid[])))
      and not exists (
        select from posthorn.deliveries as d
        where d.bucket = 0 and d.event_id = c.event_id and d.event_id > '00000000-0000-0000-0000-000000000000'
          and ${isOf("d")}
        offset 0
      )${IS_NOT_EXPANDING}
  )`;
}

// Where the next statement goes on: behind the last candidate where there were as many as asked for, else behind what was
// passed over; null at the end.
const GO_ON = `
  case when (select count(*) from candidates) = $10::integer then (select place from candidates order by place desc limit 1)
    when (select count(*) from scan) = ${SCAN_ROWS} then (select place from scan order by place desc limit 1)
  end as position`;

// `horizon` lies behind every delivery there is: the partitions made ahead are not even looked at.
function values(search: ReplaySearch, horizon: string, rowsMax: number): unknown[] {
  const { tenant, webhook_id, position, since, until, wanted, id, pending_then } = search;
  return [tenant, webhook_id, position, since, until, wanted, id, pending_then, horizon, rowsMax];
}

/** What one statement found. `position` is where to go on; null at the end. */
export type Counted = { matched: number; position: string | null };

/** Counts what matches next, only what came to its end after `finishedAfter` where that is given. */
export async function countMatches(
  pool: pg.Pool,
  search: ReplaySearch,
  horizon: string,
  finishedAfter: Date | null,
): Promise<Counted> {
  const { rows } = await pool.query<Counted>(
    `${matches(search)}
     select (select count(*) from matched where $11::timestamptz is null or finished_at > $11) as matched, ${GO_ON}`,
    [...values(search, horizon, COUNT_ROWS), finishedAfter],
  );
  return only(rows);
}

/** What one statement put into the queue. `uncounted` of them lie behind where the count broke off. */
export type Queued = { ids: string[]; uncounted: number; position: string | null };

/**
 * Queues what matches next, at most `room`, in the order of the events. Behind live ones: a claim takes ready rows by
 * due_at, and theirs is a day ahead. The caller holds the webhook's lock on sending again.
 */
export async function queueMatches(
  client: pg.ClientBase,
  search: ReplaySearch & { cause: "replay" | "retry"; counted_to: string | null },
  horizon: string,
  room: number,
): Promise<Queued> {
  const { rows } = await client.query<Queued>(
    `${matches(search)},
     clock as materialized (select clock_timestamp() as at),
     queued as (
       insert into posthorn.deliveries
         (state, lane, payload_bytes, id, event_id, webhook_id, sequence, due_at, created_at, tenant, cause)
       select posthorn.first_state(w.paused, w.health, w.delivery_order), posthorn.lane(w.delivery_order, e.channel),
         m.payload_bytes, posthorn.uuid_v7(clock.at, m.item), m.event_id, w.webhook_id, m.sequence,
         clock.at + interval '1 day', clock.at, $1, $11
       from (select *, row_number() over (order by event_id)::integer as item from matched) as m
       cross join clock
       join posthorn.webhooks as w on w.webhook_id = $2
       cross join lateral (
         select channel from posthorn.events as e
         where e.bucket = 0 and e.tenant = $1 and e.id = m.event_id and e.id > $4 and e.id < $5
         offset 0
       ) as e
       returning id
     )
     select coalesce((select array_agg(id order by id) from queued), '{}') as ids,
       (select count(*) from matched where place > $12::uuid) as uncounted, ${GO_ON}`,
    [...values(search, horizon, room), search.cause, search.counted_to],
  );
  return only(rows);
}

function only<T>(rows: T[]): T {
  const [row] = rows;
  if (!row) throw new Error("an aggregate without a row");
  return row;
}
