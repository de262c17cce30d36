// What becomes of the deliveries that a replay has queued.
import type pg from "pg";

import type { Read } from "../database/read.ts";
import type { FinalStatus } from "../database/schema.ts";
import { groupsOfDays } from "../database/days.ts";
import { cancelGone } from "../queue/cancelled.ts";

/** How many deliveries came to which end. */
export type Ended = Record<FinalStatus, number>;

/** Those of a replay that have not ended, how many of them are ready, and the ends of the rest. */
export type Tally = Ended & { outstanding: string[]; ready: number };

/** Counts what has ended of these deliveries. One that is in neither table has left with its day. */
export async function countEnded(
  read: Read,
  tenant: string,
  ids: readonly string[],
): Promise<Ended> {
  const ended = { delivered: 0, dead: 0, cancelled: 0 };
  for (const ofDays of groupsOfDays(ids)) {
    const rows = await read<{ status: FinalStatus; count: number }>(
      `select status, count(*)::integer as count from posthorn.finished_deliveries
       where bucket = 0 and tenant = $1 and id = any ($2::uuid[])
       group by status`,
      [tenant, ofDays],
    );
    for (const { status, count } of rows) ended[status] += count;
  }
  return ended;
}

/** Tells what is still pending of these deliveries, and what has become of the rest: looked at after it, so that none is missed. */
export async function tallyUp(read: Read, tenant: string, ids: readonly string[]): Promise<Tally> {
  const none = { outstanding: [], ready: 0, delivered: 0, dead: 0, cancelled: 0 };
  if (ids.length === 0) return none;
  const pending = await read<{ id: string; is_ready: boolean }>(
    `select o.id, d.is_ready from unnest($2::uuid[]) as o (id)
     cross join lateral (
       select state <> 1 or coalesce(locked_until > now(), false) as is_ready from posthorn.deliveries
       where bucket = 0 and tenant = $1 and id = o.id
       offset 0
     ) as d`,
    [tenant, ids],
  );
  const outstanding = new Set(pending.map(({ id }) => id));
  const ended = ids.filter((id) => !outstanding.has(id));
  return {
    outstanding: [...outstanding],
    ready: pending.filter(({ is_ready }) => is_ready).length,
    ...(await countEnded(read, tenant, ended)),
  };
}

/** Cancels what is pending of these, of so many days as one step may write to: the next step goes on with the rest. */
export async function cancelOutstanding(
  client: pg.ClientBase,
  tenant: string,
  ids: readonly string[],
): Promise<void> {
  const [ofDays] = groupsOfDays(ids);
  if (!ofDays) return;
  // What is in flight is cancelled too: its attempt is recorded, and changes nothing more.
  await client.query(
    `with outstanding as (
       select ctid as place_of_row from posthorn.deliveries
       where bucket = 0 and tenant = $1 and id = any ($2::uuid[])
       for update skip locked
     ),
     gone as (
       delete from posthorn.deliveries as d using outstanding as o
       where d.ctid = o.place_of_row
       returning d.*
     )
     ${cancelGone("cancelled")}`,
    [tenant, ofDays],
  );
}
