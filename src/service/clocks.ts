// Whether the clock of a cell goes with home's: each database stamps what it stores by its own.
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { readClock } from "../store/events.ts";
import type { Cell } from "./cell.ts";

const APART_MS = 1 * SECOND; // attempts are due to the second, and clocks that are set by NTP are apart by milliseconds

type Asked = Pick<Cell, "name"> & {
  pools: { publishing: Pick<Cell["pools"]["publishing"], "pool"> };
};

/**
 * Tells the log where they are apart. An asking that takes long is not taken for a difference; where one does not answer nothing is
 * told: that is told by others. Never rejects.
 */
export async function tellClocksApart(home: Asked, cell: Asked, log: Log): Promise<void> {
  const aheadMs = await howFarAhead(home, cell).catch(() => 0);
  if (Math.abs(aheadMs) < APART_MS) return;
  log.warn(
    { cell: cell.name, aheadMs },
    "the clocks of a cell and of home are apart: have both set by NTP; lists over all cells are out of order by as much, and what SQL publishes at home is sent late where home is ahead",
  );
}

async function howFarAhead(home: Asked, cell: Asked): Promise<number> {
  const before = await readClock(home.pools.publishing.pool);
  const its = await readClock(cell.pools.publishing.pool);
  const after = await readClock(home.pools.publishing.pool);
  return Math.round(Math.max(0, its - after) - Math.max(0, before - its));
}
