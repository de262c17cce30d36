// What each database of an installation has to know of the others: where every tenant lives, and the event types of those that live there.
import type pg from "pg";

import { copyTypes } from "../store/copied-types.ts";
import { copyPlacements } from "../store/placements.ts";
import type { Cell } from "./cell.ts";

type Copy = (from: pg.Pool, to: pg.Pool, since: Date | undefined) => Promise<Date | undefined>;

const COPIES = { placements: copyPlacements, types: copyTypes } satisfies Record<string, Copy>;

/**
 * Creates what brings a database up to date by the others: placements by the home, types by the cells of their tenants. One that is
 * away now is asked again the next time; that it is away is told by others.
 */
export function createCopies(
  home: Cell,
  opened: () => readonly Cell[],
): (to: Cell) => Promise<void> {
  const readUntil = new Map<string, Date>(); // by the clock of whoever was read

  async function bring(what: keyof typeof COPIES, from: Cell, to: Cell): Promise<void> {
    const way = `${what} ${from.name} ${to.name}`;
    const [source, target] = [from.pools.publishing.pool, to.pools.publishing.pool];
    const until = await COPIES[what](source, target, readUntil.get(way));
    if (until) readUntil.set(way, until);
  }

  return async (to) => {
    const others = opened().filter((cell) => cell !== to);
    if (to !== home) await bring("placements", home, to).catch(() => {});
    for (const from of others) await bring("types", from, to).catch(() => {});
  };
}
