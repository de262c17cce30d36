// What becomes of a webhook's health: pure.
import { HOUR, MINUTE } from "../kernel/duration.ts";
import type { HealthFacts } from "../queue/health.ts";
import type { WebhookHealth } from "../database/schema.ts";

const FAILING_AFTER = { attempts: 5, overMs: 5 * MINUTE };

/**
 * Judges a webhook by what its receiver answered: `failing` when a delivery has died of it, or 5 attempts in a row failed
 * over 5 minutes; `disabled` where failures go on for `disableAfterH` hours without a success (0: never); `ok` with the next
 * success. Time alone disables nothing: a webhook that nothing was sent to has shown nothing. Nothing seen here ends a disablement. Answers null where nothing changes.
 */
export function judgeHealth(
  facts: HealthFacts,
  disableAfterH: number,
): { health: WebhookHealth; reason: string | null } | null {
  if (facts.health === "disabled") return null;
  if (facts.failures_in_row === 0) return change(facts, "ok", null);
  if (disableAfterH > 0 && failedForMs(facts) >= disableAfterH * HOUR)
    return change(facts, "disabled", "no_success");
  const reason = failingReason(facts);
  if (reason !== null) return change(facts, "failing", reason);
  // Only a success ends what made it failing, or comes after a release: failures that have followed it don't undo it.
  return isAfter(facts.last_success_at, facts.released_at) ? change(facts, "ok", null) : null;
}

function failingReason(facts: HealthFacts): string | null {
  if (isAfter(facts.died_at, facts.last_success_at)) return "delivery_dead";
  const spanMs = (facts.last_failure_at?.getTime() ?? 0) - (facts.failing_since?.getTime() ?? 0);
  const isLong = facts.failures_in_row >= FAILING_AFTER.attempts && spanMs >= FAILING_AFTER.overMs;
  return isLong ? "attempts_failed" : null;
}

function change(facts: HealthFacts, health: WebhookHealth, reason: string | null) {
  return facts.health === health ? null : { health, reason };
}

// Up to the last failure; after a release the time counts anew, so that it takes a failure since then.
function failedForMs({ failing_since, released_at, last_failure_at }: HealthFacts): number {
  if (!failing_since || !last_failure_at) return 0;
  return last_failure_at.getTime() - Math.max(failing_since.getTime(), released_at?.getTime() ?? 0);
}

function isAfter(a: Date | null, b: Date | null): boolean {
  return a !== null && (b === null || a > b);
}
