// Asks for something seldom, however often it is wanted.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";

const APART_MS = 10 * SECOND; // between two questions
const KEPT_MS = 30 * SECOND; // what is older is waited for
const SHORT_WAIT_MS = 15; // for news, where what was last answered will do
const LONG_WAIT_MS = 2 * SECOND; // a scrape may take ten seconds, and has more to say

/**
 * Makes a question that is asked at most once in ten seconds, one at a time. Answers the latest that is known; undefined where that
 * is too old, or the last try has failed. Who wants it waits for two seconds at most.
 */
export function createSeldom<T>(
  ask: () => Promise<T>,
  monotonic: MonotonicClock,
): () => Promise<T | undefined> {
  let known: { answer: T; at: number } | undefined;
  let asking: Promise<void> | undefined;
  let askedAt = -Infinity;

  async function askNow(): Promise<void> {
    askedAt = monotonic();
    try {
      known = { answer: await ask(), at: monotonic() };
    } catch {
      known = undefined;
    }
    asking = undefined;
  }

  const isKnown = () => known !== undefined && monotonic() - known.at < KEPT_MS;

  return async () => {
    if (!asking && monotonic() - askedAt >= APART_MS) asking = askNow();
    if (asking) await atMost(isKnown() ? SHORT_WAIT_MS : LONG_WAIT_MS, asking);
    return isKnown() ? known?.answer : undefined;
  };
}

async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
