// From an attempt's outcome to what is written down: pure.
import type { Random } from "../kernel/clock.ts";
import type { ClaimedDelivery } from "../queue/claim.ts";
import type { Settlement } from "../queue/settle.ts";
import { echoesOf } from "./echoes.ts";
import type { Attempted, Outcome } from "./outcome.ts";
import { recordOf } from "./record.ts";
import { nextAttempt } from "./retry.ts";
import type { Target } from "./target.ts";
import { shownBy } from "./window.ts";

/** What is known of a delivery's attempt beside what came of it. */
export type AttemptFacts = {
  delivery: ClaimedDelivery;
  target: Pick<Target, "version" | "scheduleS" | "secrets">;
  startedAt: Date;
  endedAt: Date;
  worker: string;
  isOwnEvent: boolean;
  random: Random;
};

/** Decides what becomes of the delivery, and records the attempt. */
export function settlementOf(attempted: Attempted, facts: AttemptFacts): Settlement {
  const { outcome } = attempted;
  const shown = shownBy(outcome.kind === "delivered" ? null : outcome.reason);
  const { delivery, target } = facts;
  const { verdict, dueAt, webhookNotBefore } = decide(outcome, facts);
  return {
    delivery:
      delivery.webhook_version === target.version
        ? delivery
        : { ...delivery, webhook_version: target.version },
    verdict,
    dueAt,
    webhookNotBefore,
    proves: shown === "success" ? true : shown === "silence" ? false : null,
    isOwnEvent: facts.isOwnEvent,
    attempt: recordOf(outcome, {
      number: delivery.attempts_made + 1,
      startedAt: facts.startedAt,
      worker: facts.worker,
      keyVersion: attempted.keyVersion,
      bodySha256: attempted.bodySha256,
      traceparent: attempted.traceparent,
      secrets: echoesOf(target.secrets, attempted.signature),
    }),
  };
}

function decide(
  outcome: Outcome,
  { delivery, target, endedAt, random }: AttemptFacts,
): Pick<Settlement, "verdict" | "dueAt" | "webhookNotBefore"> {
  if (outcome.kind === "delivered")
    return { verdict: "delivered", dueAt: null, webhookNotBefore: null };
  const { retryAfterMs, reason } = outcome;
  const after = (ms: number) => new Date(endedAt.getTime() + ms);
  const webhookNotBefore = retryAfterMs === null ? null : after(retryAfterMs);
  const next = nextAttempt({
    scheduleS: target.scheduleS,
    attempt: delivery.attempts_made + 1,
    random,
  });
  // A payload that its type refuses will not fit later either.
  if (next.kind === "dead" || reason === "schema")
    return { verdict: "dead", dueAt: null, webhookNotBefore };
  return { verdict: "retry", dueAt: after(next.waitMs), webhookNotBefore };
}
