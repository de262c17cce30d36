// The store as one tenant sees it: what the operations of the domain work with.
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Cursors } from "../kernel/cursor.ts";
import type { Room } from "../kernel/lists.ts";
import type { Connection } from "../database/connect.ts";
import type { Sealer } from "../database/sealed.ts";

/** Whose things are seen, see reach.ts. */
export type Reach = {
  /** Null: every tenant's. */
  tenant: string | null;
  /** Only these webhooks, by their internal ids, and the events that have a delivery to one of them; null: the whole tenant. */
  webhooks: readonly number[] | null;
  /** Of a portal's session, whose eyes are a customer's: without the service's own events, header values, workers, addresses, and who made a change. */
  isPortal: boolean;
};

/** A tenant's side of the store; every statement made with it names the tenant. */
export type TenantStore = Pick<Connection, "db" | "pool"> & {
  tenant: string;
  /** What of the store is seen: all that is found, read or listed goes by it. */
  reach: Reach;
  /** The key of whoever asks: what it changes is kept under it. */
  keyId: string;
  sealer: Sealer;
  cursors: Cursors;
  monotonic: MonotonicClock;
  /** Of the answer that is being made. */
  room: Room;
  /** Does the work when the caller has a place for it: for operations that don't have one from their beginning to their end. */
  share: <T>(work: () => Promise<T>) => Promise<T>;
};

/** Today's only bucket. Statements name it as a constant, so that each runs unchanged where there are many. */
export const BUCKET = 0;
