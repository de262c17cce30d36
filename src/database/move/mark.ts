// The marks of a move, in `posthorn.placements`: that a tenant is leaving, has arrived, or stays after all.
import type pg from "pg";

import { plainArray } from "../array-literal.ts";

/** Where a tenant lives, as one cell has it. `moves` counts how often it has moved. */
export type Place = { cell: string; moves: number; moving_to: string | null };

/** A tenant's row in one cell; undefined where it has none. */
export async function readPlace(client: pg.ClientBase, tenant: string): Promise<Place | undefined> {
  const { rows } = await client.query<Place>(
    "select cell, moves, moving_to from posthorn.placements where tenant = $1",
    [tenant],
  );
  return rows[0];
}

/**
 * What a cell that a tenant is to arrive in knows of it, once whoever is bringing it there has ended: its row, which is made where there
 * is none. Locked until the transaction ends.
 */
export async function lockPlace(
  target: pg.ClientBase,
  tenant: string,
  { cell, moves }: Place,
): Promise<Place> {
  const { rows } = await target.query<Place>(
    `insert into posthorn.placements as p (tenant, cell, moves) values ($1, $2, $3)
     on conflict (tenant) do update set moves = p.moves
     returning cell, moves, moving_to`,
    [tenant, cell, moves],
  );
  const [found] = rows;
  if (!found) throw new Error("an upsert answered nothing");
  return found;
}

/**
 * Marks a tenant as leaving a cell: it waits for what writes of it now. From then on nothing of it is claimed there, and no call
 * changes it. Its routes stay until it has left: a publish that has not seen this yet matches by them, and its event is copied, or
 * committed late.
 */
export async function markLeaving(
  client: pg.ClientBase,
  tenant: string,
  place: Place,
): Promise<void> {
  await inOne(client, async () => {
    await noteMove(client, tenant, place);
    await setLeaves(client, tenant, true);
  });
}

/** Takes that back. */
export async function markStaying(client: pg.ClientBase, tenant: string): Promise<void> {
  await inOne(client, async () => {
    await setLeaves(client, tenant, false);
    await client.query("update posthorn.placements set moving_to = null where tenant = $1", [
      tenant,
    ]);
  });
}

/** Notes at home that a tenant is being moved, or not any more. */
export async function noteMove(
  client: pg.ClientBase,
  tenant: string,
  { cell, moves, moving_to }: Place,
): Promise<void> {
  await client.query(
    `insert into posthorn.placements as p (tenant, cell, moves, moving_to) values ($1, $2, $3, $4)
     on conflict (tenant) do update set moving_to = excluded.moving_to`,
    [tenant, cell, moves, moving_to],
  );
}

// In one order, as those do who settle.
async function setLeaves(client: pg.ClientBase, tenant: string, leaves: boolean): Promise<void> {
  await client.query(
    `with locked as materialized (
       select s.bucket, s.webhook_id from posthorn.webhook_states as s
       where s.bucket = 0 and s.webhook_id in (select webhook_id from posthorn.webhooks where tenant = $1)
       order by s.webhook_id for update
     )
     update posthorn.webhook_states as s set leaves = $2
     from locked as l where s.bucket = l.bucket and s.webhook_id = l.webhook_id`,
    [tenant, leaves],
  );
}

/** How many deliveries of a tenant are under lease, and for how long the last of them may be. */
export async function readLeases(
  client: pg.ClientBase,
  tenant: string,
): Promise<{ leases: number; seconds: number }> {
  const { rows } = await client.query<{ leases: number; seconds: number }>(
    `select count(*)::integer as leases, coalesce(ceil(extract(epoch from max(locked_until) - now())), 0)::integer as seconds
     from posthorn.deliveries where bucket = 0 and tenant = $1 and locked_until > now()`,
    [tenant],
  );
  return rows[0] ?? { leases: 0, seconds: 0 };
}

/**
 * Writes into a database where tenants live; what it knows of a later move stays. A tenant that has left this very cell has no
 * routes here from then on, by which a publish knows to ask, and what is committed here late is sent on.
 */
export async function writePlaces(
  client: pg.ClientBase | pg.Pool,
  places: readonly (Omit<Place, "moving_to"> & { tenant: string })[],
): Promise<void> {
  await client.query(
    `with own as (
       select coalesce((select value from posthorn.settings where name = 'cell'), 'home') as cell
     ),
     written as (
       insert into posthorn.placements as p (tenant, cell, moves)
       select * from unnest($1::text[], $2::text[], $3::integer[]) as u (tenant, cell, moves)
       where not exists ( -- without its lock, which a move may hold
         select from posthorn.placements as k
         where k.tenant = u.tenant and (k.moves > u.moves or k.moves = u.moves and k.cell = u.cell)
       )
       on conflict (tenant) do update
       set cell = excluded.cell, moves = excluded.moves, placed_at = now(), moving_to = null,
         left_at = case (select own.cell from own) when excluded.cell then null when p.cell then now() else p.left_at end,
         cleared_at = case when (select own.cell from own) not in (p.cell, excluded.cell) then p.cleared_at end
       where p.moves < excluded.moves or p.moves = excluded.moves and p.cell <> excluded.cell
       returning tenant, cell
     )
     delete from posthorn.routes as r using written, own
     where written.cell <> own.cell and r.tenant = written.tenant`,
    [
      plainArray(places.map(({ tenant }) => tenant)),
      plainArray(places.map(({ cell }) => cell)),
      plainArray(places.map(({ moves }) => moves)),
    ],
  );
}

async function inOne(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
  await client.query("begin");
  try {
    await work();
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => {});
    throw error;
  }
}
