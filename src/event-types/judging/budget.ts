// How long what strangers wrote may run: each tenant has a tenth of a thread, and may be ahead of it by a few seconds.
import type { MonotonicClock } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";

const SHARE = 0.1; // of the time, in the long run: ten tenants who waste it all leave nothing, but for those who waste none
const AHEAD_MS_MAX = 5 * SECOND; // a list of slow payloads, or the schemas of a deployment, pass at one go
const REST_TIMES = 9; // what ran out of time: so one version takes a tenth of the thread as well

export type Budget = {
  /** How long the tenant has to wait before it may have more; 0 where it may now. */
  waitMs(tenant: string, version?: string): number;
  /** Notes what was spent; `ranOut` lets the version rest. */
  spend(tenant: string, tookMs: number): void;
  ranOut(version: string, tookMs: number): void;
};

/** Creates the budgets of one process. */
export function createBudget(monotonic: MonotonicClock): Budget {
  const paidUntil = new Map<string, number>(); // by tenant: when what it spent is made up for
  const restsUntil = new Map<string, number>(); // by version

  return {
    waitMs(tenant, version = "") {
      const now = monotonic();
      const behind = (paidUntil.get(tenant) ?? 0) - AHEAD_MS_MAX / SHARE - now;
      const rest = (restsUntil.get(version) ?? 0) - now;
      return Math.max(0, behind, rest);
    },
    spend(tenant, tookMs) {
      const now = monotonic();
      forgetPast(paidUntil, now);
      paidUntil.set(tenant, Math.max(paidUntil.get(tenant) ?? 0, now) + tookMs / SHARE);
    },
    ranOut(version, tookMs) {
      const now = monotonic();
      forgetPast(restsUntil, now);
      restsUntil.set(version, now + tookMs * REST_TIMES);
    },
  };
}

function forgetPast(times: Map<string, number>, now: number): void {
  for (const [key, until] of times) if (until <= now) times.delete(key);
}
