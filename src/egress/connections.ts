// The connections to all receivers: as many as there are requests in flight, the idle ones few, and closed soon.
import { createConnection, type Connection } from "./connection.ts";
import type { Dial } from "./dialer.ts";

export type Connections = {
  /** A connection to `origin`, the one used last where some are idle; a fresh one where that is asked for. */
  take(origin: string, isFresh: boolean): Connection;
  /** Takes back one that may be used again. */
  keep(connection: Connection): void;
  /** Closes the idle ones; one in use is closed by whoever uses it. */
  close(): void;
};

/**
 * Creates the pools, one for each origin. Not undici's own: its `Pool` looks through all its clients for each
 * request, and does not tell which of them it took, on which the deadline's text and the second try depend.
 */
export function createConnections(dial: Dial, idleMax: number): Connections {
  const idleByOrigin = new Map<string, Connection[]>(); // the one used last at the end
  const idle = new Set<Connection>(); // over all origins, idle for longest first
  let isClosed = false;

  function forget(connection: Connection): void {
    if (!idle.delete(connection)) return;
    const pool = idleByOrigin.get(connection.origin) ?? [];
    pool.splice(pool.indexOf(connection), 1);
    if (pool.length === 0) idleByOrigin.delete(connection.origin);
  }

  function open(origin: string): Connection {
    const connection = createConnection(origin, dial, () => forget(connection));
    return connection;
  }

  return {
    take(origin, isFresh) {
      if (isFresh) return open(origin);
      for (;;) {
        const connection = idleByOrigin.get(origin)?.at(-1);
        if (connection === undefined) return open(origin);
        forget(connection);
        if (connection.isOpen()) return connection;
      }
    },
    keep(connection) {
      if (isClosed || !connection.isOpen()) return connection.destroy();
      const pool = idleByOrigin.get(connection.origin);
      if (pool) pool.push(connection);
      else idleByOrigin.set(connection.origin, [connection]);
      idle.add(connection);
      for (const longest of idle) {
        if (idle.size <= idleMax) break;
        forget(longest);
        longest.destroy();
      }
    },
    close() {
      isClosed = true;
      for (const connection of [...idle]) {
        forget(connection);
        connection.destroy();
      }
    },
  };
}
