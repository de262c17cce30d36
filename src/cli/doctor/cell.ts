// What the doctor asks of a database that is one of several: whether it is the cell that it is taken for, and what waits in it.
import type pg from "pg";

import { countForwards } from "../../queue/forwards.ts";
import { findCellMark } from "../../store/placements.ts";
import { bad, ok, type Finding } from "./finding.ts";

/** Looks at both. */
export async function judgeCell(pool: pg.Pool, cell: string): Promise<Finding[]> {
  const mark = await findCellMark(pool);
  const { waiting, setAside } = await countForwards(pool);
  return [judgeMark(mark, cell), judgeForwards(waiting, setAside)];
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
