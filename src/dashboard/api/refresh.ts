// How often what is shown is asked again, and when that last went well.
import { createStore } from "../store.ts";

export const INTERVALS_S = [2, 5, 10, 30] as const;
const AFTER_FAILURE_MS = 5_000; // a service that is away or says 429 is not to be asked more often

export const SLOWLY_MS = 30_000; // what costs more to read than it tells

export const refresh = createStore({ everyS: 5, isPaused: false });

/** When an answer last came, and since when none does. */
export const freshness = createStore<{ updatedAt: number | null; failingSince: number | null }>({
  updatedAt: null,
  failingSince: null,
});

/** After how long to ask again; false: not at all. */
export function pollAfter(hasFailed: boolean, slowly: boolean): number | false {
  const { everyS, isPaused } = refresh.get();
  if (isPaused) return false;
  return Math.max(everyS * 1_000, hasFailed ? AFTER_FAILURE_MS : 0, slowly ? SLOWLY_MS : 0);
}
