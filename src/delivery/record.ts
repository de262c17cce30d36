// From an attempt's outcome to its record: pure.
import { hash } from "node:crypto";

import type { AttemptRecord } from "../store/settle.ts";
import type { Outcome } from "./outcome.ts";

const GOOD_BODY_BYTES_KEPT = 1024; // a failed answer is kept to the client's cap, for debugging; a good one is seldom read

/** What is known of an attempt beside its outcome. */
export type RecordFacts = {
  number: number;
  startedAt: Date;
  worker: string;
  keyVersion: number | null;
  body: Buffer | null;
};

/** The attempt as it can be read later. */
export function recordOf(outcome: Outcome, facts: RecordFacts): AttemptRecord {
  const { exchange } = outcome;
  const answer = exchange?.kind === "answered" ? exchange : null;
  const isFailed = outcome.kind === "failed";
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
    responseHeaders: answer?.headers ?? null,
    responseBody: answer && storable(kept(answer.body, isFailed).toString("utf8")),
  };
}

function kept(body: Buffer, isFailed: boolean): Buffer {
  return isFailed ? body : body.subarray(0, GOOD_BODY_BYTES_KEPT);
}

// PostgreSQL's text takes any character but NUL: a binary answer must not make the attempt's row fail.
function storable(text: string): string {
  return text.replaceAll("\0", "\uFFFD");
}
