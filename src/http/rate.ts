// How many requests a second one API key may make of this process.
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";

/** Counts so many calls of a key; rejects with the 429 where they are more than it may make in this second. */
export type Admit = (keyId: string, calls?: number) => Promise<void>;

/**
 * Makes the limiter; a `perSecond` of 0 is none. Only keys that exist are counted, and each is forgotten a second after
 * its first call, so strangers can't fill the memory.
 */
export function createAdmit(perSecond: number): Admit {
  if (perSecond === 0) return () => Promise.resolve();
  const limiter = new RateLimiterMemory({ points: perSecond, duration: 1 });
  return async (keyId, calls = 1) => {
    try {
      // A batch of more than a second's worth would never be let in: it takes a whole second's.
      await limiter.consume(keyId, Math.min(calls, perSecond));
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new PosthornError(
        "rate_limited",
        `this API key may make ${perSecond} requests a second; come again after the time in Retry-After`,
        { retryAfterS: Math.max(1, Math.ceil(refused.msBeforeNext / SECOND)) },
      );
    }
  };
}
