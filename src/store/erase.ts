// The erasure of an event: its payload and every kept answer to it go; ids, hashes and outcomes stay.
import type pg from "pg";

import { afterCommit } from "../kernel/faults.ts";
import { partsForth, spanOf, type Span } from "../database/days.ts";
import { cancelGone } from "../queue/cancelled.ts";

const ROWS_MAX = 1_000; // deliveries of one statement
const LOOKS_MAX = 100; // events of one run, of some milliseconds each

// Above every id made until now, by whatever worker's clock: the partitions made ahead are not even looked at.
const UNTIL = "posthorn.lowest_uuid_at(now() + interval '1 hour') as until";

type Erased = { tenant: string; event_id: string; until: string };

/**
 * Erases an event, all of it, or answers false where the tenant has none of this id. Saying it twice is saying it once.
 * The mark is committed with the payload's end and before anything else: whatever comes to be later, the sweep finds.
 */
export async function eraseEvent(pool: pg.Pool, tenant: string, id: string): Promise<boolean> {
  const { rows } = await pool.query<{ until: string }>(
    `with event as (
       select e.tenant, e.id from posthorn.events as e, posthorn.stay($1) as here
       where e.bucket = 0 and e.tenant = $1 and e.id = $2
     ),
     marked as (
       insert into posthorn.erasures as e (tenant, event_id, erased_at, look_at)
       select tenant, id, now(), now() from event
       on conflict (tenant, event_id) do update set look_at = excluded.look_at
     ),
     gone as (
       delete from posthorn.event_payloads
       where bucket = 0 and tenant = $1 and id = $2 and exists (select from event)
     )
     select ${UNTIL} from event`,
    [tenant, id],
  );
  const [found] = rows;
  if (!found) return false;
  await afterCommit(eraseTraces(pool, { tenant, event_id: id, ...found }));
  return true;
}

/**
 * Erases what came to be after an erasure: the answer of an attempt that was under way, a retry that was being queued.
 * Each erasure is looked at every 5 seconds at first, and for a day: a worker cut off from the database keeps what it
 * has to record until it is back. Answers how many were looked at.
 */
export async function eraseLate(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query<Erased>({
    name: "erase late",
    text: `select tenant, event_id, ${UNTIL} from posthorn.erasures where look_at <= now() order by look_at limit $1`,
    values: [LOOKS_MAX],
  });
  for (const row of rows) await eraseTraces(pool, row);
  if (rows.length > 0)
    await pool.query(
      `with looked_at as (
         select e.tenant, e.event_id, case
             when e.erased_at > now() - interval '5 minutes' then now() + interval '5 seconds'
             when e.erased_at > now() - interval '1 hour' then now() + interval '1 minute'
             when e.erased_at > now() - interval '1 day' then now() + interval '15 minutes'
           end as next
         from posthorn.erasures as e
         join unnest($1::text[], $2::uuid[]) as u (tenant, event_id) on u.tenant = e.tenant and u.event_id = e.event_id
       )
       update posthorn.erasures as e set look_at = looked_at.next
       from looked_at where e.tenant = looked_at.tenant and e.event_id = looked_at.event_id`,
      [rows.map((row) => row.tenant), rows.map((row) => row.event_id)],
    );
  return rows.length;
}

async function eraseTraces(pool: pg.Pool, erased: Erased): Promise<void> {
  await deletePayload(pool, erased);
  await cancelDeliveries(pool, erased);
  await blankAnswers(pool, erased);
}

// Again, since the day of the payload may have been detached when it was deleted first, and be back.
async function deletePayload(pool: pg.Pool, { tenant, event_id: id }: Erased): Promise<void> {
  await pool.query(
    "delete from posthorn.event_payloads where bucket = 0 and tenant = $1 and id = $2",
    [tenant, id],
  );
}

// By an array: with the rows as a subquery the whole queue was read, 20 ms beside 500 deliveries.
const CANCEL = (ids: string) => `
  with gone as (
    delete from posthorn.deliveries where bucket = 0 and tenant = $1 and id = any (${ids})
    returning *
  )
  ${cancelGone("erased")}`;

// Many at a time those that are free; then one by one those that a claim or a settle has locked, since two statements
// that wait for several of each other's rows would deadlock.
async function cancelDeliveries(pool: pg.Pool, { tenant, event_id: id }: Erased): Promise<void> {
  const free = CANCEL(`array(
    select id from posthorn.deliveries where bucket = 0 and tenant = $1 and event_id = $2
    order by event_id, webhook_id limit $3 for update skip locked)`);
  let cancelled: number | null;
  do ({ rowCount: cancelled } = await pool.query(free, [tenant, id, ROWS_MAX]));
  while (cancelled === ROWS_MAX);
  const { rows } = await pool.query<{ id: string }>(
    "select id from posthorn.deliveries where bucket = 0 and tenant = $1 and event_id = $2",
    [tenant, id],
  );
  for (const row of rows) await pool.query(CANCEL("array[$2::uuid]"), [tenant, row.id]);
}

async function blankAnswers(pool: pg.Pool, { tenant, event_id: id, until }: Erased): Promise<void> {
  for (const part of partsForth({ from: spanOf(id).from, until })) {
    let from: string | undefined = part.from;
    while (from !== undefined) from = await blankSome(pool, tenant, id, { ...part, from }, until);
  }
}

// By a list of ids, which the planner looks up one by one; joined, it read whole partitions. What failed before anything
// was sent may quote the payload in its error. Answers where to go on.
async function blankSome(
  pool: pg.Pool,
  tenant: string,
  eventId: string,
  made: Span,
  until: string,
): Promise<string | undefined> {
  const { rows } = await pool.query<{ id: string }>(
    `select id from posthorn.all_deliveries
     where bucket = 0 and tenant = $1 and event_id = $2 and id >= $3 and id < $4
     order by id limit $5`,
    [tenant, eventId, made.from, made.until, ROWS_MAX + 1],
  );
  const ids = rows.slice(0, ROWS_MAX).map((row) => row.id);
  const [first] = ids;
  if (first === undefined) return undefined;
  for (const part of partsForth({ from: spanOf(first).from, until }))
    await pool.query(
      `update posthorn.attempts set response_headers = null, response_body = null,
         error = case when reason in ('schema', 'body') then null else error end
       where bucket = 0 and delivery_id = any ($2::uuid[]) and tenant = $1 and id >= $3 and id < $4
         and (response_headers is not null or response_body is not null
           or reason in ('schema', 'body') and error is not null)`,
      [tenant, ids, part.from, part.until],
    );
  return rows[ROWS_MAX]?.id;
}
