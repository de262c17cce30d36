// What may be asked without a key, and how often: who asks is known by the address alone.
import { isIPv6 } from "node:net";

import type { Request } from "express";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

import { MINUTE, SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";

// A proxy in front is one address: so it is as many as a busy site's customers open links, and few for who tries to guess 192 bits.
const PER_MINUTE_MAX = 300;

/** Counts calls from an address, and answers what it is called; rejects with the 429 where they are too many. */
export type AdmitStranger = (request: Request, calls?: number) => Promise<string>;

/** Makes the limiter of one process; an address is forgotten a minute after its first call. */
export function createAdmitStranger(): AdmitStranger {
  const limiter = new RateLimiterMemory({
    points: PER_MINUTE_MAX,
    duration: MINUTE / SECOND,
  });
  return async (request, calls = 1) => {
    const name = nameOf(request.socket.remoteAddress ?? "");
    try {
      await limiter.consume(name, calls);
      return name;
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new PosthornError(
        "rate_limited",
        `${PER_MINUTE_MAX} calls a minute without a key may come from one address; come again after the time in Retry-After`,
        { retryAfterS: Math.max(1, Math.ceil(refused.msBeforeNext / SECOND)) },
      );
    }
  };
}

// Of IPv6 the first half: the second is the host's own to choose.
function nameOf(address: string): string {
  if (!isIPv6(address) || address.startsWith("::ffff:")) return `address ${address}`;
  return `address ${address.split("::")[0]?.split(":").slice(0, 4).join(":") ?? ""}`;
}
