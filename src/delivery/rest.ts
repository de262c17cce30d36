// How long a worker without work sleeps until it looks again.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { RollCall } from "./roll-call.ts";

const POLL_BUSY_MS = 10; // of a worker that has had work lately: what is published elsewhere waits half of it on average
const POLL_IDLE_MS = 200; // of one that nobody can notify: what is published elsewhere waits so long at most
const REST_MS = 1 * SECOND; // of one that is notified; a notice that is lost costs as much
const BUSY_MS = 1 * SECOND;

export type Rest = {
  /** How long to wait, where there is no work: it may say so in the database first, and then another look is due at once. */
  pauseMs(): Promise<number>;
  /** Takes that there is work, or that somebody has notified it that there may be. */
  stir(): void;
};

/** Creates the rest of a worker; `roll` is what others see it by, null where they don't. */
export function createRest(roll: RollCall | null, monotonic: MonotonicClock): Rest {
  let stirredAt = monotonic();
  let isResting = false;
  let isSettled = false;
  return {
    async pauseMs() {
      if (monotonic() - stirredAt < BUSY_MS) return POLL_BUSY_MS;
      if (!roll) return POLL_IDLE_MS;
      if (isResting && !roll.isSeen()) isResting = false; // what it has said is gone with its session
      if (!isResting) {
        isSettled = false;
        isResting = await roll.rest();
        return isResting ? 0 : POLL_IDLE_MS; // what was committed before it was said nobody was notified of
      }
      isSettled ||= await roll.isKnownToAll();
      return isSettled ? REST_MS : POLL_IDLE_MS;
    },
    stir() {
      stirredAt = monotonic();
      if (isResting) roll?.stir();
      isResting = false;
    },
  };
}
