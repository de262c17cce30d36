// The pools of one process: each part has connections of its own, so that none can take another's.
import type pg from "pg";

import { monotonic } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import { isDatabaseAway } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { allButOne, createShares, type Shares } from "../kernel/shares.ts";
import { connect, type Connection } from "./connect.ts";
import type { OpenDatabase } from "./open.ts";
import { poolerOf } from "./pooler.ts";
import { PARTS, refuseTooFew, type Connections, type Role } from "./connections.ts";
import { createPresence, type Presence } from "./presence.ts";
import { lackingAt } from "./role-settings.ts";
import { createReadiness, type Fault } from "./readiness.ts";

/** A lock is held by ours for milliseconds: for longer, by a stranger, whom a call does not wait for on others' connections. */
const CALL_LOCK_MS = 1 * SECOND;

/** Of one statement of a call. A list that reads for longer is to be narrowed: others wait for its connection. */
const CALL_STATEMENT_MS = 10 * SECOND;

// While there are publishes, calls leave most of the database's time to them: each place four fifths of its own. Whoever makes one
// call after the other finds a place that has rested; many at once wait.
const REST_TIMES = 4;
const REST_MS_MAX = 1 * SECOND;
const PUBLISHING_MS = 1 * SECOND; // after a publish the next is expected

/** A connection that many callers share: whoever has a place finds one that is free. */
export type SharedConnection = Pick<Connection, "db" | "pool"> & { shares: Shares };

/** Those of parts that the process does not have are never used, and so never connect. */
export type Pools = Record<"loop" | "upkeep", Connection> & {
  /** For what upkeep needs a session for: past a pooler, where there is one. */
  direct: Connection;
  publishing: SharedConnection;
  calls: SharedConnection;
  /** Whether a pooler is on the way, whose connections are not the server's. */
  isPooled: boolean;
  /** What all connections to it are seen by. */
  presence: Presence;
  /** The pools of the parts that the process has. */
  byPart: Partial<Record<keyof Connections, pg.Pool>>;
  /** What keeps the process from its work now; null where nothing does. */
  fault(): Promise<Fault | null>;
  close(): Promise<void>;
};

/** Makes the pools; no connection is made before the first use. */
export function openPools(
  { url, directUrl }: Pick<OpenDatabase, "url" | "directUrl">,
  connections: Connections,
  log: Log,
  words?: Parameters<typeof createPresence>[2],
): Pools {
  const presence = createPresence(log, monotonic, words);
  const open = (
    part: keyof Connections,
    options: Omit<Parameters<typeof connect>[1], "max" | "log" | "presence">,
  ) => connect(url, { max: Math.max(1, connections[part]), log, presence, ...options });
  const pools = {
    publishing: open("publishing", { name: "publishing", staysOpen: true }),
    calls: open("calls", { name: "api", lockMs: CALL_LOCK_MS, statementMs: CALL_STATEMENT_MS }),
    // Kept open: a lone event after a rest would wait for a connection to be made.
    loop: open("loop", { name: "worker", plans: "pinned once", staysOpen: true }),
    upkeep: open("upkeep", { name: "housekeeping", plans: "pinned" }),
  };
  const direct =
    url === directUrl
      ? pools.upkeep
      : connect(directUrl, { name: "housekeeping", max: 1, log, presence, plans: "pinned" });
  const parts = PARTS.filter((name) => connections[name] > 0).map((name) => ({
    name,
    pool: pools[name].pool,
    max: connections[name],
    isPatient: name === "calls" || name === "upkeep",
  }));
  const { publishing, calls, loop, upkeep } = pools;
  const publishes = createShares(allButOne(connections.publishing));
  let publishedAt = -Infinity;
  const publish: Shares["take"] = (owner, work) => {
    publishedAt = monotonic();
    return publishes.take(owner, work);
  };
  const restAfter = (tookMs: number) =>
    monotonic() - publishedAt > PUBLISHING_MS ? 0 : Math.min(REST_MS_MAX, REST_TIMES * tookMs);
  return {
    loop,
    upkeep,
    direct,
    // One is left to the look at keys, which every call begins with and which takes a millisecond.
    publishing: { ...publishing, shares: { take: publish } },
    calls: { ...calls, shares: createShares(connections.calls, restAfter) },
    presence,
    isPooled: poolerOf(url) !== undefined,
    byPart: Object.fromEntries(parts.map(({ name, pool }) => [name, pool])),
    fault: createReadiness(parts),
    async close() {
      await Promise.all(
        [...new Set([...Object.values(pools), direct])].map((pool) => pool.close()),
      );
    },
  };
}

/** Throws a StartError where a part of the process would never get its connections, or can't get one now. */
export async function refuseToStart(
  pools: Pools,
  role: Role,
  connections: Connections,
  processes: number,
): Promise<void> {
  const { pool } = role === "worker" ? pools.loop : pools.calls;
  if (!pools.isPooled)
    await refuseTooFew(pool, role, connections, processes).catch((error: unknown) => {
      if (!isDatabaseAway(error)) throw error; // what can't be reached is reported below, with its part
    });
  const fault = await pools.fault();
  if (!fault) return;
  const { part, reason, cause } = fault;
  const why = cause === undefined ? "" : `: ${(cause as Error).message}`;
  throw new StartError(`DATABASE_URL: ${reason}${why} (the connections for ${part})`, { cause });
}

/** Says where a pooler leads a worker to sessions whose role leaves the choice of plans to the planner. */
export async function warnOfPlans(url: string, log: Log): Promise<void> {
  if (poolerOf(url) === undefined) return;
  const lacking = await lackingAt(url, "plans");
  if (lacking.length > 0)
    log.warn(
      { lacking: lacking.map(({ name }) => name) },
      "behind a pooler plans are as the role sets them, and this role leaves some to the planner: posthorn pooler --worker prints what sets them",
    );
}
