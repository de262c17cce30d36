// What the doctor asks of a database that is one of several: whether it is the cell that it is taken for, and what waits in it.
import type pg from "pg";

import { countForwards } from "../../queue/forwards.ts";
import { findCellMark, listLeaving } from "../../store/placements.ts";
import { bad, ok, type Finding } from "./finding.ts";

/** Looks at all of that. */
export async function judgeCell(pool: pg.Pool, cell: string): Promise<Finding[]> {
  const mark = await findCellMark(pool);
  const { waiting, setAside } = await countForwards(pool);
  const leaving = await listLeaving(pool, cell);
  return [judgeMark(mark, cell), judgeForwards(waiting, setAside), judgeMoves(leaving)];
}

function judgeMark(mark: string | null, cell: string): Finding {
  if (mark === cell) return ok("cell", `it is marked as the cell ${cell}`);
  if (mark === null)
    return bad("cell", "note", "it is not marked as a cell yet", "the next start marks it");
  return bad(
    "cell",
    "error",
    `it is marked as the cell ${mark}`,
    "lead the setting to the right database: nothing starts with it",
  );
}

function judgeForwards(waiting: number, setAside: number): Finding {
  const found = `${waiting} events wait to be stored in other cells`;
  if (setAside === 0) return ok("forwards", found);
  return bad(
    "forwards",
    "warning",
    `${found}, and ${setAside} were set aside, which their cells can't take`,
    "look at posthorn.forwards where set_aside_at is not null",
  );
}

// Whether the command still runs can't be seen from here: it may be anywhere.
function judgeMoves(leaving: { tenant: string; to: string }[]): Finding {
  const [first] = leaving;
  if (!first) return ok("moves", "no tenant waits to be moved");
  const each = leaving.map(({ tenant, to }) => `${tenant} (to ${to})`).join(", ");
  return bad(
    "moves",
    "warning",
    `nothing is sent for tenants that are being moved: ${each}`,
    `where no move runs, it was ended: posthorn tenants move ${first.tenant} --to ${first.to} goes on`,
  );
}
