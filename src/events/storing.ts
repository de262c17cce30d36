// Events go to the database with ids that were chosen here, before the first try: where its answer is lost, the next one finds what
// that has stored. An id tells the time, by the database's clock, so that is estimated.
import { randomUUID } from "node:crypto";

import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { databaseError, unsent } from "../kernel/faults.ts";
import { uuidV7At } from "../kernel/ids.ts";
import { createRemoteClock } from "../kernel/remote-clock.ts";
import {
  readClock,
  storeEvents,
  type EventId,
  type NewEvent,
  type StoredEvent,
} from "../store/events.ts";

const NOT_OF_THIS_TIME = "PH425"; // what store_events raises where the estimate is off: the clock was set, or a machine has slept

/** What an event is called over all tries of one call; `isAgain` where an earlier one may have stored it. */
export type Name = { own: EventId | null; isAgain: boolean };

export type NameableEvent = NewEvent & { name: Name };

export type Store = (
  pool: pg.Pool,
  tenant: string,
  events: readonly NameableEvent[],
  lockMsMax?: number,
) => Promise<StoredEvent[]>;

/** Creates what stores events under the names that they have, and gives one to those that have none. */
export function createStore(monotonic: MonotonicClock): Store {
  const clock = createRemoteClock(monotonic);

  async function learnTime(pool: pg.Pool): Promise<number> {
    const client = await pool.connect();
    try {
      const askedAt = monotonic();
      clock.heard(await readClock(client), askedAt, monotonic());
      client.release();
    } catch (error) {
      client.release(true);
      throw unsent(error);
    }
    return clock.nowUs() ?? Number.NaN;
  }

  async function named(pool: pg.Pool, events: readonly NameableEvent[]) {
    const isNew = events.some(({ name }) => name.own === null);
    const us = isNew ? (clock.nowUs() ?? (await learnTime(pool))) : 0;
    return events.map((event, item) => {
      const own = (event.name.own ??= newId(us, item));
      return { ...event, own, isAgain: event.name.isAgain };
    });
  }

  const tryOnce: Store = async (pool, tenant, events, lockMsMax) => {
    const rows = await named(pool, events);
    const askedAt = monotonic();
    const stored = await storeEvents(pool, tenant, rows, lockMsMax);
    clock.heard(stored.timeMs, askedAt, monotonic());
    return stored.rows;
  };

  return async (...asked) => {
    try {
      return await tryOnce(...asked);
    } catch (error) {
      if (databaseError(error)?.code !== NOT_OF_THIS_TIME) throw error;
    }
    clock.forget();
    const [, , events] = asked;
    for (const { name } of events) if (!name.isAgain) name.own = null;
    return tryOnce(...asked);
  };
}

function newId(us: number, item: number): EventId {
  const at = new Date(Math.floor(us / 1000)).toISOString();
  const fraction = String(us % 1000).padStart(3, "0");
  return { id: uuidV7At(us, item, randomUUID().slice(-12)), at: `${at.slice(0, -1)}${fraction}Z` };
}
