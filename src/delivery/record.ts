// From an attempt's outcome to its record: pure.
import { RESPONSE_BYTES_MAX } from "../egress/exchange.ts";
import { createMask, maskedAtCut } from "../kernel/mask.ts";
import type { AttemptRecord } from "../queue/settle.ts";
import { PART_MIN } from "./echoes.ts";
import type { Outcome } from "./outcome.ts";

const GOOD_BODY_BYTES_KEPT = 1024; // a failed answer is kept to the client's cap, for debugging; a good one is seldom read

/** What is known of an attempt beside its outcome. */
export type RecordFacts = {
  number: number;
  startedAt: Date;
  worker: string;
  keyVersion: number | null;
  /** In hex; null where no request could be built. */
  bodySha256: string | null;
  traceparent: string | null;
  /** What must not be readable: receivers repeat what they were sent. */
  secrets: readonly string[];
};

/** The attempt as it can be read later. */
export function recordOf(outcome: Outcome, facts: RecordFacts): AttemptRecord {
  const { exchange } = outcome;
  const answer = exchange?.kind === "answered" ? exchange : null;
  const isFailed = outcome.kind === "failed";
  const { secrets } = facts;
  const mask = createMask(secrets);
  return {
    number: facts.number,
    at: facts.startedAt,
    resentAt: resentAt(facts.startedAt, exchange?.resentMs ?? null),
    durationMs: exchange?.durationMs ?? 0,
    worker: facts.worker,
    traceparent: facts.traceparent,
    keyVersion: facts.keyVersion,
    address: exchange?.address ?? null,
    status: answer?.status ?? null,
    reason: isFailed ? outcome.reason : null,
    error: isFailed ? outcome.error && storable(mask(outcome.error)) : null,
    bodySha256: facts.bodySha256,
    responseHeaders: answer && headersBehind(mask, answer.headers),
    responseBody:
      answer && storable(kept(answer.body, { isFailed, secrets, mask }).toString("utf8")),
  };
}

function resentAt(startedAt: Date, resentMs: number | null): Date | null {
  return resentMs === null ? null : new Date(startedAt.getTime() + resentMs);
}

type Mask = ReturnType<typeof createMask>;
type Shown = { isFailed: boolean; secrets: readonly string[]; mask: Mask };

// Masked before it is cut, so that no half of a secret stays; what egress has cut may end with one.
function kept(body: Buffer, { isFailed, secrets, mask }: Shown): Buffer {
  const shown = secrets.length > 0 ? withoutSecrets(body, secrets, mask) : body;
  return isFailed ? shown : shown.subarray(0, GOOD_BODY_BYTES_KEPT);
}

function withoutSecrets(body: Buffer, secrets: readonly string[], mask: Mask): Buffer {
  const text = mask(body.toString("utf8"));
  const isCut = body.length >= RESPONSE_BYTES_MAX;
  return Buffer.from(isCut ? maskedAtCut(text, secrets, PART_MIN) : text);
}

function headersBehind(mask: Mask, headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, mask(value)]));
}

// PostgreSQL's text takes any character but NUL: a binary answer must not make the attempt's row fail.
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
