// From an attempt's outcome to what is written down: pure.
import { createHash } from "node:crypto";

import type { Random } from "../kernel/clock.ts";
import type { ClaimedDelivery } from "../store/claim.ts";
import type { Settlement } from "../store/settle.ts";
import type { Outcome } from "./outcome.ts";
import { nextAttempt } from "./retry.ts";
import type { Target } from "./target.ts";

const GOOD_BODY_BYTES_KEPT = 1024; // a failed answer is kept to the client's cap, for debugging; a good one is seldom read

/** What is known of an attempt beside its outcome. */
export type AttemptFacts = {
  delivery: ClaimedDelivery;
  target: Pick<Target, "version" | "scheduleS">;
  startedAt: Date;
  endedAt: Date;
  worker: string;
  keyVersion: number | null;
  body: Buffer | null;
  isOwnEvent: boolean;
  random: Random;
};

/** Decides what becomes of the delivery, and records the attempt. */
export function settlementOf(outcome: Outcome, facts: AttemptFacts): Settlement {
  const { exchange } = outcome;
  const answer = exchange?.kind === "answered" ? exchange : null;
  const isFailed = outcome.kind === "failed";
  return {
    delivery: { ...facts.delivery, webhook_version: facts.target.version },
    ...verdict(outcome, facts),
    isOwnEvent: facts.isOwnEvent,
    attempt: {
      number: facts.delivery.attempts_made + 1,
      at: facts.startedAt,
      durationMs: exchange?.durationMs ?? 0,
      worker: facts.worker,
      keyVersion: facts.keyVersion,
      address: exchange?.address ?? null,
      status: answer?.status ?? null,
      reason: isFailed ? outcome.reason : null,
      error: isFailed ? outcome.error && storable(outcome.error) : null,
      bodySha256: facts.body && createHash("sha256").update(facts.body).digest(),
      responseHeaders: answer?.headers ?? null,
      responseBody: answer && storable(kept(answer.body, isFailed).toString("utf8")),
    },
  };
}

function verdict(
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
    retryAfterMs,
    random,
  });
  // A payload that its type refuses will not fit later either.
  if (next.kind === "dead" || reason === "schema")
    return { verdict: "dead", dueAt: null, webhookNotBefore };
  return { verdict: "retry", dueAt: after(next.waitMs), webhookNotBefore };
}

function kept(body: Buffer, isFailed: boolean): Buffer {
  return isFailed ? body : body.subarray(0, GOOD_BODY_BYTES_KEPT);
}

// PostgreSQL's text takes any character but NUL: a binary answer must not make the attempt's row fail.
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
