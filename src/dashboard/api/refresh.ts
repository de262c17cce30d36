// How often what is shown is asked again, and when that last went well.
import { createStore } from "../store.ts";

export const INTERVALS_S = [2, 5, 10, 30] as const;
const AFTER_FAILURE_MS = 5_000; // a service that is away or says 429 is not to be asked more often

export const refresh = createStore({ everyS: 5, isPaused: false });

/** When an answer last came, and since when none does. */
export const freshness = createStore<{ updatedAt: number | null; failingSince: number | null }>({
  updatedAt: null,
  failingSince: null,
});

/** After how long to ask again; false: not at all. */
export function pollAfter(hasFailed: boolean): number | false {
  const { everyS, isPaused } = refresh.get();
  if (isPaused) return false;
  return hasFailed ? Math.max(everyS * 1_000, AFTER_FAILURE_MS) : everyS * 1_000;
}
