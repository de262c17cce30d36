// Says once that the database has gone, and once that it is back, for all of a process that asks it.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";

const SETTLED_MS = 2 * SECOND; // without a failure: while some connections are had and others are not, it is not back

export type Presence = {
  /** Takes that no connection was had, or that the server takes no writes. */
  failed(err: unknown): void;
  /** Takes that the database has answered. */
  answered(): void;
};

/** Creates what tells of the database's presence. */
export function createPresence(log: Log, monotonic: MonotonicClock): Presence {
  let awaySince: number | undefined;
  let failedAt = -Infinity;
  return {
    failed(err) {
      failedAt = monotonic();
      if (awaySince !== undefined) return;
      awaySince = failedAt;
      log.warn({ err }, "the database is away");
    },
    answered() {
      if (awaySince === undefined) return;
      const now = monotonic();
      if (now - failedAt < SETTLED_MS) return;
      log.info({ away_s: Math.round((now - awaySince) / SECOND) }, "the database is back");
      awaySince = undefined;
    },
  };
}
