// Reads from a standby, as long as there is one that has all that the primary had when they were asked for.
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";

import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { databaseError, isDatabaseAway, SessionRefused } from "../kernel/faults.ts";
import { createGatherer } from "../kernel/gather.ts";
import type { Log } from "../kernel/log.ts";
import { createShares } from "../kernel/shares.ts";
import { connect } from "./connect.ts";
import type { SharedConnection } from "./pools.ts";
import { createPresence } from "./presence.ts";
import { findStandby, type FoundStandby } from "./find-standby.ts";
import { catchUp, NotUsable, readPosition } from "./standby.ts";

const LOOK_EVERY_MS = 1 * SECOND;
const CONNECT_MS = 1 * SECOND; // whoever waits for it can still be answered by the primary
const ASKING_MAX = 1_000; // reads that one look at the primary's position serves
const CANCELLED = "57014"; // by the time limit, which would be the same at the primary

const WORDS = {
  gone: "the standby can't be read from: lists and statistics come from the primary",
  back: "the standby is read from again",
};

/** Reads over a standby. Its connections are as many as the calls have to the primary, and one to look at it. */
export type Replica = {
  /**
   * Does a read over the standby where that has all that the primary had when it was asked for; else, and where it fails
   * there, over the primary, which `null` stands for.
   */
  read<T>(work: (standby: Standby | null) => Promise<T>): Promise<T>;
  /** False while all reads go to the primary. */
  readonly isInUse: boolean;
  /** Finds it, and looks at it from now on. Throws a StartError where it is not this database's; one that is away is waited for. */
  start(): Promise<void>;
  stop(): Promise<void>;
};

export type Standby = Pick<SharedConnection, "db" | "shares">;

export type ReplicaOptions = {
  /** DATABASE_READ_URL, as it was given, and the way to the primary that is for sessions. */
  url: string;
  directUrl: string;
  /** Tells where the primary is in its log. */
  primary: pg.Pool;
  connections: number;
  log: Log;
  monotonic: MonotonicClock;
  /** Hears who has answered a read. */
  answered(by: "standby" | "primary"): void;
};

/** Creates it; nothing is connected before it is started. */
export function createReplica(options: ReplicaOptions): Replica {
  const { url, directUrl, primary, connections, log, monotonic, answered } = options;
  const presence = createPresence(log, monotonic, WORDS);
  const shares = createShares(connections);
  const askPosition = createGatherer({
    run: async (_list, asking: null[]) => {
      const position = await readPosition(primary);
      return asking.map(() => position);
    },
    itemsMax: ASKING_MAX,
    isRefusal: () => false,
  });
  const stopping = new AbortController();
  let found: (FoundStandby & { pool: pg.Pool; close(): Promise<void> }) | undefined;
  let looking: Promise<void> | undefined;

  async function find(): Promise<NonNullable<typeof found>> {
    const standby = await findStandby(url, directUrl);
    const { pool, close } = connect(standby.url, {
      name: "standby",
      max: connections + 1,
      connectMs: CONNECT_MS,
      presence: UNHEARD,
      log,
    });
    return { ...standby, pool, close };
  }

  // Each session is asked by itself: behind one name there may be several standbys.
  async function borrow({ pool, cluster }: NonNullable<typeof found>, position: string) {
    try {
      const client = await pool.connect();
      await catchUp(client, { position, cluster }, monotonic).catch((error: unknown) => {
        client.release(true);
        throw error;
      });
      presence.answered();
      return client;
    } catch (error) {
      if (!stopping.signal.aborted) presence.failed(error);
      throw error;
    }
  }

  async function look(): Promise<void> {
    const position = await askPosition("", null);
    try {
      found ??= await find();
    } catch (error) {
      presence.failed(error);
      throw error;
    }
    (await borrow(found, position)).release();
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(LOOK_EVERY_MS, stopping.signal);
      await look().catch(() => {}); // told by its presence; that the primary is away, by others
    }
  }

  return {
    get isInUse() {
      return found !== undefined && !presence.isAway;
    },
    async read(work) {
      const from = found;
      if (!from || presence.isAway) {
        answered("primary");
        return work(null);
      }
      const position = await askPosition("", null);
      const pool = { connect: () => borrow(from, position), end: () => Promise.resolve() };
      try {
        const result = await work({
          db: new Kysely({ dialect: new PostgresDialect({ pool }) }),
          shares,
        });
        answered("standby");
        return result;
      } catch (error) {
        if (!isOfTheStandby(error)) throw error;
        answered("primary");
        return work(null);
      }
    },
    async start() {
      await look().catch((error: unknown) => {
        const isSet = rootOf(error) instanceof SessionRefused; // by somebody who is there to set it otherwise
        if (isSet || !isOfTheStandby(error)) throw error;
      });
      looking = watch();
    },
    async stop() {
      stopping.abort();
      await looking;
      await found?.close();
    },
  };
}

// Whether a standby is there is judged where a session is lent, and not by each statement.
const UNHEARD = { isAway: false, failed: () => {}, answered: () => {} };

/** True of what the primary may do all the same: the standby is away or behind, or has ended a statement for what it had to replay. */
export function isOfTheStandby(error: unknown): boolean {
  const root = rootOf(error);
  if (root instanceof NotUsable) return true;
  return databaseError(root)?.code !== CANCELLED && isDatabaseAway(root);
}

function rootOf(error: unknown): unknown {
  const { cause } = Object(error) as { cause?: unknown };
  return cause === undefined ? error : rootOf(cause);
}
