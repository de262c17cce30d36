// Publishes with an idempotency key. One may have to wait for whoever publishes under that key in a transaction of theirs,
// for as long as that is open: few wait at once, not for long, and nobody else with them.
import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import { databaseError } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import { createTurns, type Turns } from "../kernel/turns.ts";
import type { Connection } from "../database/connect.ts";
import { storeEvents, type NewEvent, type StoredEvent } from "../store/events.ts";
import { laneOf, tenantOf } from "./lane.ts";

const LOCK_NOT_AVAILABLE = "55P03";
const GLANCE_MS = 25; // longer than another process of ours takes to commit, so it is a stranger's transaction
const WAIT_MS = 2 * SECOND; // enough for a transaction that is about to commit; its caller's patience is not ours to use up
const AT_ONCE_MAX = 4; // of ten connections, and
const WAITING_MAX = 2; // so that four are left to all other operations
const RETRY_AFTER_S = 1;

export type KeyedPublishes = {
  /** Stores an event that has a key, together with those that come at once. */
  store(tenant: string, event: NewEvent): Promise<StoredEvent>;
  /** Stores a list in which some have keys: all or none. */
  storeMany(tenant: string, events: readonly NewEvent[]): Promise<StoredEvent[]>;
};

/** Both throw a 503 where a key's other transaction is not over in time. */
export function createKeyedPublishes(
  pool: Connection["pool"],
  eventsMax: number,
  isRefusal: (error: unknown) => boolean,
): KeyedPublishes {
  const turns = createTurns(AT_ONCE_MAX);
  const waitingTurns = createTurns(WAITING_MAX);
  const waitedFor = new Map<string, number>(); // tenant and key, and how many wait for it

  const storeWithin = (ms: number, inTurn: Turns, tenant: string, events: readonly NewEvent[]) =>
    inTurn.take(WAIT_MS, () => storeEvents(pool, tenant, events, ms));

  async function glance(tenant: string, events: readonly NewEvent[]): Promise<StoredEvent[]> {
    const stored = await storeWithin(GLANCE_MS, turns, tenant, events).catch((error: unknown) => {
      if (!isLockTimeout(error) || isOfKey(error)) throw error;
      return storeWithin(WAIT_MS, turns, tenant, events); // a table that is being changed: no key's fault
    });
    return stored ?? unavailable("too many publishes with an idempotency_key are under way");
  }

  async function wait(tenant: string, events: readonly NewEvent[]): Promise<StoredEvent[]> {
    const stored = await storeWithin(WAIT_MS, waitingTurns, tenant, events).catch(
      (error: unknown) => {
        if (isLockTimeout(error)) keyIsHeld(error);
        throw error;
      },
    );
    return stored ?? keyIsHeld();
  }

  // A list that holds a key known to be waited for is not tried: halved, it gives that one up at no cost.
  const glanceTogether = createGatherer({
    run: async (lane, events: NewEvent[]) =>
      events.some((event) => waitedFor.has(nameOf(tenantOf(lane), event)))
        ? keyIsHeld()
        : glance(tenantOf(lane), events),
    itemsMax: eventsMax,
    isRefusal: (error) => isRefusal(error) || isHeld(error),
  });

  // By tenant and key, so that those who wait for one key take one connection.
  const waitTogether = createGatherer({
    run: (_name, asked: { tenant: string; event: NewEvent }[]) =>
      wait(
        asked[0]?.tenant ?? "",
        asked.map(({ event }) => event),
      ),
    itemsMax: eventsMax,
    isRefusal,
  });

  return {
    async store(tenant, event) {
      const name = nameOf(tenant, event);
      try {
        return await glanceTogether(laneOf(tenant, event), event);
      } catch (error) {
        if (!isHeld(error)) throw error;
      }
      waitedFor.set(name, (waitedFor.get(name) ?? 0) + 1);
      try {
        return await waitTogether(name, { tenant, event });
      } finally {
        const others = (waitedFor.get(name) ?? 1) - 1;
        if (others > 0) waitedFor.set(name, others);
        else waitedFor.delete(name);
      }
    },
    storeMany: (tenant, events) =>
      glance(tenant, events).catch((error: unknown) => {
        if (!isHeld(error)) throw error;
        return wait(tenant, events);
      }),
  };
}

const nameOf = (tenant: string, event: NewEvent) => `${tenant} ${event.idempotencyKey}`;

class KeyIsHeld extends PosthornError {}

function keyIsHeld(cause?: unknown): never {
  throw new KeyIsHeld(
    "database_unavailable",
    "idempotency_key: a transaction that is still open publishes under this key; nothing was stored, try again",
    { retryAfterS: RETRY_AFTER_S, cause },
  );
}

function unavailable(what: string): never {
  throw new PosthornError("database_unavailable", `${what}; nothing was stored, try again`, {
    retryAfterS: RETRY_AFTER_S,
  });
}

const isHeld = (error: unknown) =>
  error instanceof KeyIsHeld || (isLockTimeout(error) && isOfKey(error));
const isLockTimeout = (error: unknown) => databaseError(error)?.code === LOCK_NOT_AVAILABLE;

// The server's context of the error names the table; its words are in the server's language.
const isOfKey = (error: unknown) =>
  /\bidempotency_keys\b/.test(String((error as { where?: unknown }).where));
