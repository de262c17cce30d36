// Says once that the database has gone, and once that it is back, for all of a process that asks it.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";

const SETTLED_MS = 2 * SECOND; // without a failure: while some connections are had and others are not, it is not back

export type Presence = {
  /** From the first failure on, until it has answered for some seconds without another. */
  readonly isAway: boolean;
  /** Takes that no connection was had, or that the server takes no writes. */
  failed(err: unknown): void;
  /** Takes that the database has answered. */
  answered(): void;
};

const OF_THE_DATABASE = { gone: "the database is away", back: "the database is back" };

/** Creates what tells of the database's presence. */
export function createPresence(
  log: Log,
  monotonic: MonotonicClock,
  words = OF_THE_DATABASE,
): Presence {
  let awaySince: number | undefined;
  let failedAt = -Infinity;
  return {
    get isAway() {
      return awaySince !== undefined;
    },
    failed(err) {
      failedAt = monotonic();
      if (awaySince !== undefined) return;
      awaySince = failedAt;
      log.warn({ err }, words.gone);
    },
    answered() {
      if (awaySince === undefined) return;
      const now = monotonic();
      if (now - failedAt < SETTLED_MS) return;
      log.info({ away_s: Math.round((now - awaySince) / SECOND) }, words.back);
      awaySince = undefined;
    },
  };
}
