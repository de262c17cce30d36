// From an attempt's outcome to what is written down: pure.
import type { Random } from "../kernel/clock.ts";
import type { ClaimedDelivery } from "../queue/claim.ts";
import type { Settlement } from "../queue/settle.ts";
import { echoesOf } from "./echoes.ts";
import type { Outcome } from "./outcome.ts";
import { recordOf, type RecordFacts } from "./record.ts";
import { nextAttempt } from "./retry.ts";
import type { Target } from "./target.ts";
import { shownBy } from "./window.ts";

/** What is known of a delivery's attempt beside its outcome. */
export type AttemptFacts = Omit<RecordFacts, "number" | "secrets"> & {
  /** What the request was signed with, as its header said it. */
  signature: string | null;
  delivery: ClaimedDelivery;
  target: Pick<Target, "version" | "scheduleS" | "secrets">;
  endedAt: Date;
  isOwnEvent: boolean;
  random: Random;
};

/** Decides what becomes of the delivery, and records the attempt. */
export function settlementOf(outcome: Outcome, facts: AttemptFacts): Settlement {
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
      keyVersion: facts.keyVersion,
      bodySha256: facts.bodySha256,
      traceparent: facts.traceparent,
      secrets: echoesOf(target.secrets, facts.signature),
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
