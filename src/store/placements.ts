// Which cell each tenant lives in. Every cell keeps a copy of all of it, so that any of them can be asked.
import type pg from "pg";

import { writePlaces } from "../database/move/mark.ts";

export type Placement = { tenant: string; cell: string };

const COPIED_AT_ONCE = 1_000;

/** The cell of a tenant; null where it has not written yet. */
export async function findPlacement(pool: pg.Pool, tenant: string): Promise<string | null> {
  const { rows } = await pool.query<{ cell: string }>({
    name: "find placement",
    text: "select cell from posthorn.placements where tenant = $1",
    values: [tenant],
  });
  return rows[0]?.cell ?? null;
}

/** Which cell a database was marked as; null where none has been yet. */
export async function findCellMark(pool: pg.Pool): Promise<string | null> {
  const { rows } = await pool.query<{ value: string }>(
    "select value from posthorn.settings where name = 'cell'",
  );
  return rows[0]?.value ?? null;
}

/** Tenants of a cell that have left it and not arrived yet, ten at most, and where each is to arrive. */
export async function listLeaving(
  pool: pg.Pool,
  cell: string,
): Promise<{ tenant: string; to: string }[]> {
  const { rows } = await pool.query<{ tenant: string; to: string }>(
    `select tenant, moving_to as to from posthorn.placements
     where moving_to is not null and cell = $1 order by tenant limit 10`,
    [cell],
  );
  return rows;
}

/** Places a tenant that is not placed yet; answers where it lives from now on, whoever has said so first. */
export async function place(pool: pg.Pool, { tenant, cell }: Placement): Promise<string> {
  await pool.query(
    "insert into posthorn.placements (tenant, cell) values ($1, $2) on conflict (tenant) do nothing",
    [tenant, cell],
  );
  return (await findPlacement(pool, tenant)) ?? cell;
}

/**
 * Writes into one cell what another has: what is new there since a time that an earlier copy answered, or without one all of it.
 */
export async function copyPlacements(
  from: pg.Pool,
  to: pg.Pool,
  since: Date | undefined,
): Promise<Date | undefined> {
  let readAt: Date | undefined;
  let after = "";
  for (;;) {
    // Some commit behind others that began after them.
    const { rows } = await from.query<Placement & { moves: number; now: Date }>(
      `select tenant, cell, moves, now() from posthorn.placements
       where tenant > $1 and placed_at >= coalesce($2::timestamptz - interval '1 minute', '-infinity')
       order by tenant limit ${COPIED_AT_ONCE}`,
      [after, since ?? null],
    );
    readAt ??= rows[0]?.now;
    const last = rows.at(-1);
    if (!last) return readAt ?? since;
    await writePlaces(to, rows);
    after = last.tenant;
  }
}
