// Publishes with an idempotency key. One may have to wait for whoever publishes under that key in a transaction of theirs,
// for as long as that is open: few wait at once, not for long, and nobody else with them.
import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import { databaseError } from "../kernel/faults.ts";
import { createGatherer, type GatherOptions } from "../kernel/gather.ts";
import { createShares, type Owner } from "../kernel/shares.ts";
import type { SharedConnection } from "../database/pools.ts";
import type { StoredEvent } from "../store/events.ts";
import { listOf, ownerOf } from "./lists.ts";
import type { NameableEvent, Store } from "./storing.ts";

const LOCK_NOT_AVAILABLE = "55P03";
const GLANCE_MS = 25; // longer than another process of ours takes to commit, so it is a stranger's transaction
const WAIT_MS = 250; // enough for a transaction that is about to commit; for others the caller comes again
const WAITERS_MAX = 2; // one of each of two tenants
const TABLE_WAIT_MS = 2 * SECOND; // a table that is being changed, under which no publish goes on
const RETRY_AFTER_S = 1;

export type KeyedPublishes = {
  /** Stores an event that has a key, together with those that come at once. */
  store(owner: Owner, event: NameableEvent): Promise<StoredEvent>;
  /** Stores a list in which some have keys: all or none. */
  storeMany(owner: Owner, events: readonly NameableEvent[]): Promise<StoredEvent[]>;
};

/** Both throw a 503 where a key's other transaction is not over in time. It is waited for over the connections of other calls. */
export function createKeyedPublishes(
  { publishing, calls }: { publishing: SharedConnection; calls: SharedConnection },
  storeEvents: Store,
  gathering: Omit<GatherOptions<NameableEvent, StoredEvent>, "run">,
): KeyedPublishes {
  const waiters = createShares(WAITERS_MAX);
  const waitedFor = new Map<string, number>(); // tenant and key, and how many wait for it

  const glance = (owner: Owner, events: readonly NameableEvent[]) =>
    publishing.shares.take(owner, async () => {
      const storeWithin = (ms: number) => storeEvents(publishing.pool, owner.tenant, events, ms);
      try {
        return await storeWithin(GLANCE_MS);
      } catch (error) {
        if (!isLockTimeout(error) || isOfKey(error)) throw error;
        return storeWithin(TABLE_WAIT_MS);
      }
    });

  const wait = (owner: Owner, events: readonly NameableEvent[]) =>
    waiters.take(owner, () =>
      calls.shares.take(owner, async () => {
        try {
          return await storeEvents(calls.pool, owner.tenant, events, WAIT_MS);
        } catch (error) {
          if (isLockTimeout(error)) keyIsHeld(error);
          throw error;
        }
      }),
    );

  // A list that holds a key known to be waited for is not tried: halved, it gives that one up at no cost.
  const glanceTogether = createGatherer({
    ...gathering,
    run: async (list, events: NameableEvent[]) => {
      const owner = ownerOf(list);
      const isKnown = (event: NameableEvent) => waitedFor.has(nameOf(owner, event));
      return events.some(isKnown) ? keyIsHeld() : glance(owner, events);
    },
    isRefusal: (error) => gathering.isRefusal(error) || isHeld(error),
  });

  return {
    async store(owner, event) {
      try {
        return await glanceTogether(listOf(owner.tenant, event), event);
      } catch (error) {
        if (!isHeld(error)) throw error;
      }
      const name = nameOf(owner, event);
      waitedFor.set(name, (waitedFor.get(name) ?? 0) + 1);
      try {
        const [stored = keyIsHeld()] = await wait(owner, [event]);
        return stored;
      } finally {
        const others = (waitedFor.get(name) ?? 1) - 1;
        if (others > 0) waitedFor.set(name, others);
        else waitedFor.delete(name);
      }
    },
    storeMany: (owner, events) =>
      glance(owner, events).catch((error: unknown) => {
        if (!isHeld(error)) throw error;
        return wait(owner, events);
      }),
  };
}

const nameOf = ({ tenant }: Owner, event: NameableEvent) => `${tenant} ${event.idempotencyKey}`;

class KeyIsHeld extends PosthornError {}

function keyIsHeld(cause?: unknown): never {
  throw new KeyIsHeld(
    "database_unavailable",
    "idempotency_key: a transaction that is still open publishes under this key; nothing was stored, try again",
    { retryAfterS: RETRY_AFTER_S, cause },
  );
}

const isHeld = (error: unknown) =>
  error instanceof KeyIsHeld || (isLockTimeout(error) && isOfKey(error));
const isLockTimeout = (error: unknown) => databaseError(error)?.code === LOCK_NOT_AVAILABLE;

// The server's context of the error names the table; its words are in the server's language.
const isOfKey = (error: unknown) =>
  /\bidempotency_keys\b/.test(String((error as { where?: unknown }).where));
