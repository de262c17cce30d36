// The connections to all receivers: as many as there are requests in flight, the idle ones few, and closed soon.
import type { MonotonicClock, Random } from "../kernel/clock.ts";
import { createPickMap } from "../kernel/pick-map.ts";
import { createConnection, type Connection } from "./connection.ts";
import type { Dial } from "./dialer.ts";
import { createIdleTimes } from "./idle-times.ts";

export type Connections = {
  /** A connection to `origin`, the one used last where some are idle; a fresh one where that is asked for. */
  take(origin: string, isFresh: boolean): Connection;
  /** Takes back one that may be used again. */
  keep(connection: Connection): void;
  /** Told that one which was taken from the idle ones was being closed by its receiver. */
  wasStale(connection: Connection): void;
  /** Told that one got no answer: the idle ones to the same address are closed. */
  hasFailed(connection: Connection): void;
  /** Closes the idle ones; one in use is closed by whoever uses it. */
  close(): void;
};

export type ConnectionsOptions = {
  clock: MonotonicClock;
  random: Random;
  /** How many are kept idle, over all receivers. */
  idleMax: number;
};

type Idle = { since: number; timer: NodeJS.Timeout };

/**
 * Creates the pools, one for each origin. Not undici's own: its `Pool` looks through all its clients for each
 * request, and does not tell which of them it took, on which the deadline's text and the second try depend. Where more are idle than
 * there is room for, any one of them is closed: receivers have their turns.
 */
export function createConnections(
  dial: Dial,
  { clock, random, idleMax }: ConnectionsOptions,
): Connections {
  const idleByOrigin = new Map<string, Connection[]>(); // the one used last at the end
  const idle = createPickMap<Connection, Idle>(); // over all origins
  const idleTimes = createIdleTimes(clock);
  const idledMs = new WeakMap<Connection, number>(); // of those that were taken again
  let isClosed = false;

  // Answers how long it had been idle; undefined where it was not.
  function forget(connection: Connection): number | undefined {
    const found = idle.remove(connection);
    if (!found) return undefined;
    clearTimeout(found.timer);
    const pool = idleByOrigin.get(connection.origin) ?? [];
    pool.splice(pool.indexOf(connection), 1);
    if (pool.length === 0) idleByOrigin.delete(connection.origin);
    return clock() - found.since;
  }

  function drop(connection: Connection): void {
    forget(connection);
    connection.destroy();
  }

  function open(origin: string): Connection {
    const connection = createConnection(origin, dial, () => {
      const idled = forget(connection);
      if (idled !== undefined) idleTimes.closed(origin, idled); // what we close is forgotten before
    });
    return connection;
  }

  return {
    take(origin, isFresh) {
      if (isFresh) return open(origin);
      for (;;) {
        const connection = idleByOrigin.get(origin)?.at(-1);
        if (connection === undefined) return open(origin);
        idledMs.set(connection, forget(connection) ?? 0);
        if (connection.isUsable()) return connection;
        connection.destroy();
      }
    },
    keep(connection) {
      const { origin, announcedMs } = connection;
      const limitMs = idleTimes.limitMs(origin, announcedMs);
      if (isClosed || limitMs === 0 || !connection.isUsable()) return connection.destroy();
      const pool = idleByOrigin.get(origin);
      if (pool) pool.push(connection);
      else idleByOrigin.set(origin, [connection]);
      const timer = setTimeout(() => {
        drop(connection);
        if (announcedMs === null) idleTimes.keptOpen(origin, limitMs);
      }, limitMs);
      idle.set(connection, { since: clock(), timer });
      while (idle.size > idleMax) drop(idle.pick(random) ?? connection);
    },
    wasStale(connection) {
      idleTimes.closed(connection.origin, idledMs.get(connection) ?? 0);
    },
    hasFailed({ origin, address }) {
      for (const other of [...(idleByOrigin.get(origin) ?? [])])
        if (other.address === address) drop(other);
    },
    close() {
      isClosed = true;
      for (const connection of idle.keys()) drop(connection);
    },
  };
}
