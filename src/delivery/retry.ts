// When a delivery is tried again after a failed attempt, and when it is dead.
import type { Random } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";

const JITTER = 0.1; // spreads what failed together, and stays near the promised wait
const EXACT_MS_MAX = 10 * SECOND; // short waits are kept exactly: a tenth of them spreads nothing

export type NextAttempt = { kind: "retry"; waitMs: number } | { kind: "dead" };

/**
 * Answers how long to wait after attempt number `attempt` has failed; dead after the schedule's last wait. What `Retry-After`
 * asks for beyond that the webhook as a whole waits.
 */
export function nextAttempt(failure: {
  scheduleS: readonly number[];
  /** 1 = the first attempt just failed. */
  attempt: number;
  random: Random;
}): NextAttempt {
  const waitS = failure.scheduleS[failure.attempt - 1];
  if (waitS === undefined) return { kind: "dead" };
  return { kind: "retry", waitMs: withJitter(waitS * SECOND, failure.random) };
}

function withJitter(waitMs: number, random: Random): number {
  if (waitMs <= EXACT_MS_MAX) return waitMs;
  return Math.round(waitMs * (1 + JITTER * (2 * random() - 1)));
}
