// The database's time, kept between claims with the monotonic clock: a machine's own clock may be an hour off.
import type { MonotonicClock } from "../kernel/clock.ts";

export type DatabaseClock = {
  /** Sets the clock by an answer of the database that was asked at `askedAt` (monotonic). */
  set(time: Date, askedAt: number): void;
  /** The database's time now. Only after it was set. */
  now(): Date;
};

export function createDatabaseClock(clock: MonotonicClock): DatabaseClock {
  let offsetMs = Number.NaN;
  return {
    set(time, askedAt) {
      // The statement began between the question and the answer. Taken for the question, the clock is ahead by the wait
      // for a connection: what waits for it ends late by that much, never early.
      offsetMs = time.getTime() - askedAt;
    },
    now() {
      if (Number.isNaN(offsetMs))
        throw new Error("the database's clock was read before it was set");
      return new Date(clock() + offsetMs);
    },
  };
}
