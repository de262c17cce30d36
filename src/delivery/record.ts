// From an attempt's outcome to its record: pure.
import { hash } from "node:crypto";

import { masked } from "../kernel/mask.ts";
import type { AttemptRecord } from "../queue/settle.ts";
import type { Outcome } from "./outcome.ts";

const GOOD_BODY_BYTES_KEPT = 1024; // a failed answer is kept to the client's cap, for debugging; a good one is seldom read
const SECRET_LENGTH_MIN = 8; // shorter values stand in answers by chance, and are no secrets

/** What is known of an attempt beside its outcome. */
export type RecordFacts = {
  number: number;
  startedAt: Date;
  worker: string;
  keyVersion: number | null;
  body: Buffer | null;
  /** The webhook's own: receivers that repeat what they were sent must not make secrets readable. */
  headers: Readonly<Record<string, string>> | undefined;
};

/** The attempt as it can be read later. */
export function recordOf(outcome: Outcome, facts: RecordFacts): AttemptRecord {
  const { exchange } = outcome;
  const answer = exchange?.kind === "answered" ? exchange : null;
  const isFailed = outcome.kind === "failed";
  const secrets = secretsIn(facts.headers);
  return {
    number: facts.number,
    at: facts.startedAt,
    durationMs: exchange?.durationMs ?? 0,
    worker: facts.worker,
    keyVersion: facts.keyVersion,
    address: exchange?.address ?? null,
    status: answer?.status ?? null,
    reason: isFailed ? outcome.reason : null,
    error: isFailed ? outcome.error && storable(outcome.error) : null,
    bodySha256: facts.body && hash("sha256", facts.body, "hex"),
    responseHeaders: answer && withoutSecrets(answer.headers, secrets),
    responseBody: answer && storable(kept(answer.body, isFailed, secrets).toString("utf8")),
  };
}

// Masked before it is cut, so that no half of a secret stays.
function kept(body: Buffer, isFailed: boolean, secrets: readonly string[]): Buffer {
  const shown = secrets.length > 0 ? Buffer.from(masked(body.toString("utf8"), secrets)) : body;
  return isFailed ? shown : shown.subarray(0, GOOD_BODY_BYTES_KEPT);
}

function withoutSecrets(
  headers: Record<string, string>,
  secrets: readonly string[],
): Record<string, string> {
  if (secrets.length === 0) return headers;
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, masked(value, secrets)]),
  );
}

// A type of content is none, and most answers have one.
function secretsIn(headers: RecordFacts["headers"] = {}): string[] {
  return Object.entries(headers)
    .filter(([name, value]) => value.length >= SECRET_LENGTH_MIN && !/^content-type$/i.test(name))
    .map(([, value]) => value);
}

// PostgreSQL's text takes any character but NUL: a binary answer must not make the attempt's row fail.
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
