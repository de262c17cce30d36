// Where each tenant lives, as a process knows it: looked up in the home cell, or in a copy of it, and remembered for a while.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { isDatabaseAway } from "../kernel/faults.ts";
import { findPlacement, place } from "../store/placements.ts";

const GOOD_FOR_MS = 5 * SECOND; // a tenant that has moved is asked for where it was for as long, as other processes may do anyway
const KNOWN_MAX = 10_000; // tenants; one forgotten is looked up

export type Placing = {
  /** The name of a tenant's cell; one that has not written yet is placed where it `writes`. */
  cellOf(tenant: string, writes: boolean): Promise<string>;
};

/** Creates it; `pools` answers the home's first, then those of the cells that can be asked, by name. */
export function createPlacing(
  pools: () => ReadonlyMap<string, pg.Pool>,
  { first, monotonic }: { first: string; monotonic: MonotonicClock },
): Placing {
  const known = new Map<string, { cell: string; at: number }>(); // the latest last

  function remember(tenant: string, cell: string): string {
    known.delete(tenant);
    known.set(tenant, { cell, at: monotonic() });
    const [oldest] = known.keys();
    if (known.size > KNOWN_MAX && oldest !== undefined) known.delete(oldest);
    return cell;
  }

  // A copy says where a placed tenant lives. That one is not placed only the home can say.
  async function look(tenant: string): Promise<string | null> {
    const [[, home], ...copies] = [...pools()] as [[string, pg.Pool], ...[string, pg.Pool][]];
    try {
      return await findPlacement(home, tenant);
    } catch (error) {
      if (!isDatabaseAway(error)) throw error;
      const stale = known.get(tenant)?.cell;
      if (stale !== undefined) return stale;
      for (const [, copy] of copies) {
        const cell = await findPlacement(copy, tenant).catch(() => null);
        if (cell !== null) return cell;
      }
      throw error;
    }
  }

  return {
    async cellOf(tenant, writes) {
      const lately = known.get(tenant);
      if (lately && monotonic() - lately.at < GOOD_FOR_MS) return lately.cell;
      const found = await look(tenant);
      if (found !== null) return remember(tenant, found);
      if (!writes) return first;
      const all = pools();
      const [home] = all.values();
      if (!home) throw new Error("no home to place a tenant in");
      const cell = await place(home, { tenant, cell: first });
      const own = all.get(cell);
      if (own && own !== home) await place(own, { tenant, cell });
      return remember(tenant, cell);
    },
  };
}
