// Long work on the one thread that serves everybody: one piece of it at a time, a slice of it in a turn of the loop.
import { monotonic, sleep } from "./clock.ts";
import { isHurried } from "./hurry.ts";

const FREE_MS = 1; // of a piece of work: most are done by then, and wait for nobody
const SLICE_MS = 3; // a publish goes through the loop some five times, and may meet a slice each time
const REST_TIMES = 1; // so that long work takes half of the thread at most, whoever asks for however much of it
const HURRIED_REST_TIMES = 4; // a fifth, while somebody publishes event by event

/** Steps aside for others where the work since the last time has taken a slice: `await` it between steps. */
export type Rest = () => Promise<void> | undefined;

/** Makes what shares the thread out: works that are begun take turns, and after each slice all of them rest. */
export function createSlices(
  clock = monotonic,
  resting = sleep,
  isInHurry = isHurried,
): () => Rest {
  const waiting: (() => void)[] = [];
  let isTurning = false;

  async function takeTurns(): Promise<void> {
    isTurning = true;
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const startedAt = clock();
      next();
      await aTurn(); // what was resumed has done its slice
      await resting((clock() - startedAt) * (isInHurry() ? HURRIED_REST_TIMES : REST_TIMES));
    }
    isTurning = false;
  }

  return () => {
    let startedAt = clock();
    let sliceMs = FREE_MS;
    return () => {
      if (clock() - startedAt < sliceMs) return undefined;
      return new Promise((resolve) => {
        waiting.push(() => {
          startedAt = clock();
          sliceMs = SLICE_MS;
          resolve();
        });
        if (!isTurning) void takeTurns();
      });
    };
  };
}

const aTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Begins a piece of long work. */
export const sliced = createSlices();
