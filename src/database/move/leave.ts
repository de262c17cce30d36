// What a tenant that has moved leaves behind in its old cell: deleted, or forwarded, in steps of one transaction each. Any process may
// do the next one.
import type pg from "pg";

import { DAY } from "../../kernel/duration.ts";
import { lowestUuidAt } from "../../kernel/ids.ts";
import { inTransaction } from "../transaction.ts";
import {
  clearEvents,
  clearFinished,
  clearRest,
  LAST_ID,
  type Cleared,
  type Span,
} from "./clear.ts";

/** For how long a process may know a tenant where it was: before, nothing is deleted there. */
export const KNOWN_FOR_S = 10;

const TENANTS_MAX = 1_000; // in one look

// A commit comes this much behind its publish, where a transaction was left open or prepared: doctor warns of an hour.
const LATE_D = 7;

/** A tenant that has left a cell, and where it lives; `isClear` where nothing was left that was there when it moved. */
export type Left = { tenant: string; cell: string; isClear: boolean };

/** Lists tenants that have left this cell and have rows here, but for those that live in some cells. */
export async function listLeft(pool: pg.Pool, butCells: readonly string[]): Promise<Left[]> {
  const { since, until } = lateSpan(await readNow(pool));
  const { rows } = await pool.query<Left>(
    `select p.tenant, p.cell, p.cleared_at is not null as "isClear" from posthorn.placements as p
     where p.left_at < now() - $1 * interval '1 second' and p.cell <> all ($2) and (p.cleared_at is null or exists (
       select from posthorn.events as e where e.bucket = 0 and e.tenant = p.tenant and e.id >= $3 and e.id < $4
     ))
     limit ${TENANTS_MAX}`,
    [KNOWN_FOR_S, butCells, since, until],
  );
  return rows;
}

/** Does the next step for one of them; nobody else does meanwhile: then undefined. A step that has done nothing was the last. */
export async function clearNext(
  from: pg.Pool,
  to: pg.Pool,
  { tenant, cell, isClear }: Left,
  retentionD: number,
): Promise<Cleared | undefined> {
  const now = await readNow(from);
  return inTransaction(from, async (client) => {
    const held = await client.query(
      `select from posthorn.placements where tenant = $1 and cell = $2 and left_at is not null for update skip locked`,
      [tenant, cell],
    );
    if (held.rows.length === 0) return undefined;
    const span = isClear ? lateSpan(now) : EVER;
    const cleared = await clearEvents(client, to, { tenant, span, retentionD });
    if (cleared.deleted > 0 || isClear) return cleared;
    const deleted = (await clearFinished(client, tenant)) || (await clearRest(client, tenant));
    if (deleted === 0)
      await client.query("update posthorn.placements set cleared_at = now() where tenant = $1", [
        tenant,
      ]);
    return { late: 0, deleted };
  });
}

const EVER: Span = {
  since: "00000000-0000-0000-0000-000000000000",
  until: LAST_ID,
};

function lateSpan(now: Date): Span {
  const [since, until] = [now.getTime() - LATE_D * DAY, now.getTime() + DAY];
  return { since: lowestUuidAt(new Date(since)), until: lowestUuidAt(new Date(until)) };
}

async function readNow(pool: pg.Pool): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>("select now()");
  return rows[0]?.now ?? new Date(Number.NaN);
}
