// Time as an argument: what reads a clock is given one.

/** A monotonic clock, in milliseconds: it never jumps, so timeouts and ages are measured with it. */
export type MonotonicClock = () => number;

/** A source of randomness: a number from 0 up to, not including, 1. */
export type Random = () => number;

/** The machine's monotonic clock. */
export const monotonic: MonotonicClock = () => performance.now();

/** Sleeps for `ms`, or until `signal` aborts; never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}
