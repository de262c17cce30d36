// Connections to PostgreSQL: a bounded pool, and Kysely over it.
import { Kysely, PostgresDialect } from "kysely";
import pg from "pg";

import { monotonic } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { createPool } from "./pool.ts";
import { clientFor } from "./pooler.ts";
import { createPresence, type Presence } from "./presence.ts";
import type { Schema } from "./schema.ts";
import { duration, sessionSettings, type Settings } from "./session-settings.ts";

/** Kysely over the pool: what every function of the store takes first. */
export type Db = Kysely<Schema>;

/** One process's connections. `pool` is for the few statements that are worth preparing by name. */
export type Connection = { db: Db; pool: pg.Pool; close(): Promise<void> };

const CONNECT_TIMEOUT_MS = 5 * SECOND; // also the wait for a free connection: past it a caller is answered 503
const QUERY_TIMEOUT_MS = 20 * SECOND; // a database that took the statement and fell silent
const IDLE_IN_TRANSACTION_MAX_MS = 1 * MINUTE; // a transaction of ours left open would hold vacuum back for all

// Our 64-bit columns are counters and identities: they stay below 2^53.
const TYPES = new pg.TypeOverrides();
TYPES.setTypeParser(pg.types.builtins.INT8, Number);

/**
 * Opens a pool of at most `max` connections; none is made before the first query. A lost connection is replaced at the
 * next query, so the process heals by itself when the database comes back.
 */
export function connect(
  url: string,
  options: {
    name: string;
    max: number;
    log: Log;
    plans?: keyof typeof PLANS;
    /** What a statement may take, and a wait for a lock; the latter as long as the statement unless given. */
    statementMs?: number;
    lockMs?: number;
    /** How long a connection is waited for, a new one or a free one. */
    connectMs?: number;
    /** Keeps what it has opened, so that nobody else can have taken its place when it is needed. */
    staysOpen?: boolean;
    /** One for all connections of a process, so that it says once what they all see. */
    presence?: Presence;
  },
): Connection {
  const session = sessionSettings(url, options.name, {
    statement_timeout: duration(options.statementMs ?? QUERY_TIMEOUT_MS),
    ...(options.lockMs !== undefined && { lock_timeout: duration(options.lockMs) }),
    idle_in_transaction_session_timeout: duration(IDLE_IN_TRANSACTION_MAX_MS),
    ...(options.plans && PLANS[options.plans]),
  });
  const { presence = createPresence(options.log, monotonic) } = options;
  const config: pg.PoolConfig = {
    ...session.config,
    ...clientFor(url),
    max: options.max,
    connectionTimeoutMillis: options.connectMs ?? CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    ...(options.staysOpen && { min: options.max }),
    types: TYPES,
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool waits for it, whatever its types say
    onConnect: session.check,
  };
  const pool = createPool(config, presence);
  let isClosing = false;
  pool.on("error", (err) => {
    // A closed pool lets go of its connections before they have ended: what cuts them off then is no news.
    if (!isClosing) options.log.debug({ err }, "an idle database connection was lost");
  });
  // The pool listens to idle connections alone. One lost between two statements of a transaction would be an error that
  // nobody hears, which ends the process; the next statement on it fails, and tells whoever has it.
  pool.on("connect", (client) => client.on("error", () => {}));
  const db = new Kysely<Schema>({ dialect: new PostgresDialect({ pool }) });
  return {
    db,
    pool,
    async close() {
      isClosing = true;
      await db.destroy(); // ends the pool only where Kysely has used it
      if (!pool.ended) await pool.end();
    },
  };
}

// Statistics taken while the queue is empty give plans that read all of a million rows: a worker's statements all have
// an index, and one that gives their order, so the choice is taken away from the planner; and what such a plan is made of is
// there, whatever somebody has switched off for statements of his own.
export const WORKERS_PLANS: Settings = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_hashjoin: "off",
  enable_mergejoin: "off",
  enable_sort: "off",
  enable_nestloop: "on",
  enable_indexscan: "on",
  enable_indexonlyscan: "on",
  enable_tidscan: "on",
  max_parallel_workers_per_gather: "0",
  geqo: "off",
  join_collapse_limit: "8",
  from_collapse_limit: "8",
};

const PLANS = {
  /** For statements that read only some days' partitions, by bounds that are constants to the planner. */
  pinned: WORKERS_PLANS,
  /**
   * For prepared statements that are the same whatever their values. Left to choose, PostgreSQL plans them anew where few rows
   * are given, which cost more than all the rest: a claim and a settle of one row took 1.2 and 1.1 ms, and take 0.5 each.
   */
  "pinned once": { ...WORKERS_PLANS, plan_cache_mode: "force_generic_plan" },
} satisfies Record<string, Settings>;
