// What each database of an installation has to know of the others: where every tenant lives, and the event types of those that live there.
import type pg from "pg";

import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { copyTypes } from "../store/copied-types.ts";
import { copyPlacements } from "../store/placements.ts";
import type { Cell } from "./cell.ts";

type Copy = (from: pg.Pool, to: pg.Pool, since: Date | undefined) => Promise<Date | undefined>;

const COPIES = { placements: copyPlacements, types: copyTypes } satisfies Record<string, Copy>;

/**
 * Creates what brings a database up to date by the others: placements by the home, types by the cells of their tenants. What fails is
 * tried again the next time; that a database is away is told by others, and what else it fails of once.
 */
export function createCopies(
  home: Cell,
  opened: () => readonly Cell[],
  log: Log,
): (to: Cell) => Promise<void> {
  const readUntil = new Map<string, Date>(); // by the clock of whoever was read
  const told = new Map<string, string>();

  async function bring(what: keyof typeof COPIES, from: Cell, to: Cell): Promise<void> {
    const way = `${what} ${from.name} ${to.name}`;
    const [source, target] = [from.pools.publishing.pool, to.pools.publishing.pool];
    try {
      const until = await COPIES[what](source, target, readUntil.get(way));
      if (until) readUntil.set(way, until);
      told.delete(way);
    } catch (err) {
      const text = String(err);
      if (isDatabaseAbsent(err) || text === told.get(way)) return;
      told.set(way, text);
      log.error({ err, cell: to.name, from: from.name }, `${what} can't be copied; trying on`);
    }
  }

  return async (to) => {
    const others = opened().filter((cell) => cell !== to);
    if (to !== home) await bring("placements", home, to);
    for (const from of others) await bring("types", from, to);
  };
}
