// What an exchange means for its delivery.
import { DAY, SECOND } from "../kernel/duration.ts";
import type { FailureReason } from "../kernel/reasons.ts";
import type { Answered, Exchange } from "../egress/exchange.ts";

export type Outcome =
  | { kind: "delivered"; exchange: Answered }
  | {
      kind: "failed";
      reason: FailureReason;
      error: string | null;
      exchange: Exchange | null;
      retryAfterMs: number | null;
    };

/** What came of a request, and what it was made with; nulls where none could be built. */
export type Attempted = {
  outcome: Outcome;
  keyVersion: number | null;
  signature: string | null;
  /** In hex. */
  bodySha256: string | null;
  traceparent: string | null;
};

const RETRY_AFTER_MS_MAX = DAY;

/**
 * Judges an exchange by the preset's success rule. A redirect is a failure and never followed. `Retry-After` is read
 * on 429 and 503 only; `nowMs` is the wall clock's Unix time in milliseconds, for the form that is a date.
 */
export function judgeExchange(
  exchange: Exchange,
  isSuccess: (status: number) => boolean,
  nowMs: number,
): Outcome {
  if (exchange.kind === "failed") {
    const { reason, error } = exchange;
    return { kind: "failed", reason, error, exchange, retryAfterMs: null };
  }
  const { status } = exchange;
  if (isSuccess(status)) return { kind: "delivered", exchange };
  const reason = status >= 300 && status <= 399 ? "redirect" : "status";
  const retryAfterMs =
    status === 429 || status === 503 ? readRetryAfter(exchange.headers, nowMs) : null;
  return { kind: "failed", reason, error: null, exchange, retryAfterMs };
}

// RFC 9110 5.6.7 asks readers to know all three forms of a date; Date.parse alone would take "1" for a year.
const HTTP_DATE =
  /^(?:\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT|\w+, \d\d-\w{3}-\d\d [\d:]{8} GMT|\w{3} \w{3} [ \d]\d [\d:]{8} \d{4})$/;

function readRetryAfter(headers: Record<string, string>, nowMs: number): number | null {
  const text = headers["retry-after"]?.trim() ?? "";
  if (/^\d+$/.test(text)) return capped(Number(text) * SECOND);
  const until = readDate(text);
  // Both dates by the receiver's clock where it tells its own, so that a difference between clocks is not waited for.
  return until === null ? null : capped(until - (readDate(headers["date"] ?? "") ?? nowMs));
}

function readDate(text: string): number | null {
  if (!HTTP_DATE.test(text)) return null;
  const time = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
  return Number.isNaN(time) ? null : time;
}

function capped(waitMs: number): number | null {
  return waitMs > 0 ? Math.min(waitMs, RETRY_AFTER_MS_MAX) : null;
}
