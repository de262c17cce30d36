// From an attempt's outcome to its record: pure.
import { RESPONSE_BYTES_MAX } from "../egress/exchange.ts";
import { createMask, holdAny, maskedAtCut } from "../kernel/mask.ts";
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
  const shown = withoutSecrets(
    {
      error: isFailed ? outcome.error : null,
      headers: answer?.headers ?? null,
      body: answer?.body.toString("utf8") ?? null,
      isCut: (answer?.body.length ?? 0) >= RESPONSE_BYTES_MAX,
    },
    facts.secrets,
  );
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
    error: shown.error && storable(shown.error),
    bodySha256: facts.bodySha256,
    responseHeaders: shown.headers,
    responseBody: shown.body === null ? null : storable(isFailed ? shown.body : begin(shown.body)),
  };
}

function resentAt(startedAt: Date, resentMs: number | null): Date | null {
  return resentMs === null ? null : new Date(startedAt.getTime() + resentMs);
}

type Shown = {
  error: string | null;
  headers: Record<string, string> | null;
  body: string | null;
  /** Whether egress has cut the body, so that it may end with half of a secret. */
  isCut: boolean;
};

function withoutSecrets(shown: Shown, secrets: readonly string[]): Shown {
  const { error, headers, body, isCut } = shown;
  if (!isCut && !holdAny([error ?? "", body ?? "", ...Object.values(headers ?? {})], secrets))
    return shown;
  const mask = createMask(secrets);
  const masked = body && mask(body);
  return {
    error: error && mask(error),
    headers: headers && headersBehind(mask, headers),
    body: masked && isCut ? maskedAtCut(masked, secrets, PART_MIN) : masked,
    isCut,
  };
}

// Cut once it is masked, so that no half of a secret stays.
function begin(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= GOOD_BODY_BYTES_KEPT
    ? text
    : bytes.toString("utf8", 0, GOOD_BODY_BYTES_KEPT);
}

type Mask = ReturnType<typeof createMask>;

function headersBehind(mask: Mask, headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, mask(value)]));
}

// PostgreSQL's text takes any character but NUL: a binary answer must not make the attempt's row fail.
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
