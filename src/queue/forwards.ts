// Events that were published here of tenants that live in another cell: whose they are, what goes next, and where it was stored.
import type pg from "pg";

import { databaseError, isOwnFault } from "../kernel/faults.ts";
import { DAY } from "../kernel/duration.ts";
import { makePartitionsNamed, partitionSuffix } from "../database/partitions.ts";
import { inTransaction } from "../database/transaction.ts";

const TENANTS_MAX = 1_000; // in one look: those behind them come with the next, when these have less
const EVENTS_MAX = 500; // in one transaction there: 20 ms of matching, and as many deliveries as a list that is published
const BYTES_MAX = 1_048_576; // of payloads in one transaction, or one event: what this process then holds for a tenant

/** A tenant that has events to forward, and the cell where it lives. */
export type Waiting = { tenant: string; cell: string };

/** What has become of a batch: how many events are gone from here, and whether that was as many as one takes. */
export type Batch = {
  forwarded: number;
  isMore: boolean;
  setAside?: { id: string; error: unknown };
};

const COUNTED_MAX = 10_000;

/** Counts what waits here to be stored elsewhere, and what was set aside; to 10,000 each. */
export async function countForwards(pool: pg.Pool): Promise<{ waiting: number; setAside: number }> {
  const { rows } = await pool.query<{ waiting: number; set_aside: number }>(
    `select (select count(*) from (select from posthorn.forwards where set_aside_at is null limit ${COUNTED_MAX}) as counted) as waiting,
       (select count(*) from (select from posthorn.forwards where set_aside_at is not null limit ${COUNTED_MAX}) as counted) as set_aside`,
  );
  return { waiting: rows[0]?.waiting ?? 0, setAside: rows[0]?.set_aside ?? 0 };
}

type Taken = { ids: string[] | null; days: Date[] | null; batch: string };

/**
 * Lists tenants that have events to forward, but for those of some cells. One that lives elsewhere by the default alone is placed
 * by it for good: another default moves nobody.
 */
export async function listWaiting(pool: pg.Pool, butCells: readonly string[]): Promise<Waiting[]> {
  const { rows } = await pool.query<Waiting & { is_placed: boolean }>(
    `with recursive next as (
       (select f.tenant from posthorn.forwards as f where f.set_aside_at is null order by f.tenant limit 1)
       union all
       select (
         select f.tenant from posthorn.forwards as f
         where f.set_aside_at is null and f.tenant > next.tenant order by f.tenant limit 1
       )
       from next where next.tenant is not null
     )
     select next.tenant, living.cell, p.tenant is not null as is_placed
     from next
     left join posthorn.placements as p on p.tenant = next.tenant
     cross join lateral (
       select coalesce(p.cell, (select p.cell from posthorn.placements as p where p.tenant = '*'), 'home') as cell
     ) as living
     where next.tenant is not null and living.cell <> all ($1) and p.moving_to is null
     limit $2`,
    [butCells, TENANTS_MAX],
  );
  for (const { tenant, cell, is_placed } of rows)
    if (!is_placed)
      await pool.query(
        "insert into posthorn.placements (tenant, cell) values ($1, $2) on conflict do nothing",
        [tenant, cell],
      );
  return rows;
}

/**
 * Stores a tenant's next events in its cell, and lets them go here: first the commit there, then the one here, so that whoever dies
 * between them does it again, which changes nothing. Nobody else forwards the tenant's meanwhile: then 0 are. An event that the cell
 * refuses for what is in it, or that is older than what it keeps, is set aside.
 */
export async function forwardBatch(
  from: pg.Pool,
  to: pg.Pool,
  { tenant, cell }: Waiting,
  retentionD: number,
): Promise<Batch> {
  return inTransaction(from, async (client) => {
    const held = await client.query(
      "select from posthorn.placements where tenant = $1 and cell = $2 and moving_to is null for update skip locked",
      [tenant, cell],
    );
    if (held.rows.length === 0) return { forwarded: 0, isMore: false };
    for (let limit = EVENTS_MAX; ;) {
      const { ids, days, batch } = await take(client, tenant, limit);
      if (!ids || !days) return { forwarded: 0, isMore: false };
      try {
        await store(to, tenant, batch, days, retentionD);
      } catch (error) {
        if (!isOwnFault(error) && !isConflict(error) && !(error instanceof TooOld)) throw error;
        const [id] = ids;
        // By ever smaller batches the one that can't be taken becomes the first.
        if (id !== undefined && ids.length === 1) return await setAside(client, tenant, id, error);
        limit = Math.ceil(ids.length / 2);
        continue;
      }
      await client.query("delete from posthorn.forwards where tenant = $1 and id = any ($2)", [
        tenant,
        ids,
      ]);
      return { forwarded: ids.length, isMore: true };
    }
  });
}

// As one text, which goes through this process as it is: no payload is parsed, none escaped.
async function take(client: pg.ClientBase, tenant: string, limit: number): Promise<Taken> {
  const { rows } = await client.query<Taken>(
    `select array_agg(f.id::text order by f.id) as ids, array_agg(distinct date_trunc('day', f.created_at, 'UTC')) as days,
       json_agg(f)::text as batch
     from (
       select f.*, row_number() over in_order as place, sum(octet_length(f.payload)) over in_order as bytes
       from (
         select * from posthorn.forwards where tenant = $1 and set_aside_at is null order by id limit $2
       ) as f
       window in_order as (order by f.id)
     ) as f
     where f.place = 1 or f.bytes <= $3`,
    [tenant, limit, BYTES_MAX],
  );
  const [taken] = rows;
  if (!taken) throw new Error("an aggregate answered nothing");
  return taken;
}

class TooOld extends Error {}

// Its key has another event there by now.
const isConflict = (error: unknown) => databaseError(error)?.code === "PH409";

async function store(
  to: pg.Pool,
  tenant: string,
  batch: string,
  days: readonly Date[],
  retentionD: number,
): Promise<void> {
  await inTransaction(to, async (client) => {
    const { rows } = await client.query<{ today: Date }>(
      "select date_trunc('day', now(), 'UTC') as today",
    );
    const today = rows[0]?.today.getTime() ?? Number.NaN;
    const old = days.filter((day) => day.getTime() < today);
    if (old.some((day) => day.getTime() < today - retentionD * DAY))
      throw new TooOld(`older than the ${retentionD} days that its cell keeps`);
    const names = old
      .map(partitionSuffix)
      .flatMap((day) => [`events${day}`, `event_payloads${day}`]);
    await makePartitionsNamed(client, names);
    await client.query("select posthorn.store_forwarded($1, $2)", [tenant, batch]);
  });
}

async function setAside(
  client: pg.ClientBase,
  tenant: string,
  id: string,
  error: unknown,
): Promise<Batch> {
  await client.query(
    "update posthorn.forwards set set_aside_at = now(), set_aside_as = $3 where tenant = $1 and id = $2",
    [tenant, id, error instanceof Error ? error.message : String(error)],
  );
  return { forwarded: 0, isMore: true, setAside: { id, error } };
}
