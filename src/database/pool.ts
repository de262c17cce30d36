// The driver's pool, which says of each failure whether anything was sent, and keeps connections that are still good.
import pg from "pg";

import { databaseError, unsent } from "../kernel/faults.ts";
import type { Presence } from "./presence.ts";

const READ_ONLY = "25006"; // a standby answers, and is of no use

// After these the session is over, or leads to a server that takes no writes any more: the next may lead elsewhere.
const SESSION_IS_OVER = /^(08|57P|25006$)/;

/**
 * Makes a pool. An error of its `connect` is known as one under which nothing was sent. A statement that the server refuses
 * leaves its connection open: the driver's own `query` would close it, so that whoever sends what is refused would have
 * everybody connect anew. `presence` hears whether there is a database.
 */
export function createPool(config: pg.PoolConfig, presence: Presence): pg.Pool {
  const pool = new pg.Pool(config);
  const connectPlainly = pool.connect.bind(pool) as () => Promise<pg.PoolClient>;
  const connect = () =>
    connectPlainly().catch((error: unknown) => {
      if (!pool.ending) presence.failed(error);
      throw unsent(error);
    });
  const query = async (...asked: [string | pg.QueryConfig, unknown[]?]) => {
    const client = await connect();
    try {
      const result = await client.query(...asked);
      client.release();
      presence.answered();
      return result;
    } catch (error) {
      const code = databaseError(error)?.code;
      client.release(code === undefined || SESSION_IS_OVER.test(code));
      if (code === READ_ONLY) presence.failed(error);
      throw error;
    }
  };
  return Object.assign(pool, { connect, query } as Pick<pg.Pool, "connect" | "query">);
}
