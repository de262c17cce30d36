// The store as one tenant sees it: what the operations of the domain work with.
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Cursors } from "../kernel/cursor.ts";
import type { Room } from "../kernel/lists.ts";
import type { Connection } from "../database/connect.ts";
import type { Sealer } from "../database/sealed.ts";

/** A tenant's side of the store; every statement made with it names the tenant. */
export type TenantStore = Pick<Connection, "db" | "pool"> & {
  tenant: string;
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
