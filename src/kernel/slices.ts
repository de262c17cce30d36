// Long work on the one thread that serves everybody, done in slices.
import { setImmediate } from "node:timers/promises";

import { monotonic } from "./clock.ts";

const SLICE_MS = 10; // an eye does not see it, and a list of a thousand steps is no slower for it

/** Steps aside for others where the work since the last time has taken a slice: `await` it between steps. */
export type Rest = () => Promise<void> | undefined;

/** Begins a piece of long work. */
export function sliced(clock = monotonic): Rest {
  let startedAt = clock();
  return () => {
    if (clock() - startedAt < SLICE_MS) return undefined;
    return setImmediate().then(() => {
      startedAt = clock();
    });
  };
}
