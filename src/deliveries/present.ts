// Deliveries and attempts as the API answers them.
import { formatId } from "../kernel/ids.ts";
import { userAgent, withOwnHeaders } from "../kernel/request-headers.ts";
import { VERSION } from "../kernel/version.ts";
import { findPreset, PRESETS } from "../presets/index.ts";
import { namingHeaders } from "../presets/naming.ts";
import type { AttemptRow } from "../store/attempts.ts";
import type { DeliveryRow } from "../store/deliveries.ts";
import { MASK } from "../webhooks/schema.ts";
import type { RequestBody } from "./request-body.ts";
import type { Attempt, Delivery } from "./schema.ts";

export function presentDelivery(row: DeliveryRow): Delivery {
  return {
    id: formatId("dlv", row.id),
    event_id: formatId("evt", row.event_id),
    webhook_id: row.webhook_id,
    webhook_name: row.webhook_name,
    type: row.type,
    channel: row.channel,
    sequence: row.sequence,
    status: row.status,
    cause: row.cause,
    attempts_made: row.attempts_made,
    next_attempt_at: row.next_attempt_at?.toISOString() ?? null,
    last_attempt: row.last_at && {
      at: row.last_at.toISOString(),
      status: row.last_status,
      reason: row.last_reason as Delivery["reason"],
      duration_ms: row.last_duration_ms ?? 0,
    },
    waiting_for: row.waiting_for,
    reason: row.reason as Delivery["reason"],
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

/** What of an attempt an operator alone sees: by which worker it was made, and from where to where in his network. */
export function withoutOurSide(attempt: Attempt): Attempt {
  const error = attempt.error?.replace(ADDRESS, MASK) ?? null;
  return { ...attempt, worker: MASK, address: null, error };
}

const ADDRESS = /\b\d{1,3}(\.\d{1,3}){3}\b|(?<![\w:])(?:[\da-f]{0,4}:){2,7}[\da-f]{0,4}(?![\w:])/gi;

/** An attempt of the delivery with this public event id and sequence, and what it sent; a sample has no sequence. */
export function presentAttempt(
  row: AttemptRow,
  delivery: { event_id: string; sequence: number | null },
  body: RequestBody,
): Attempt {
  return {
    id: formatId("att", row.id),
    number: row.number,
    at: row.at.toISOString(),
    resent_at: row.resent_at?.toISOString() ?? null,
    duration_ms: row.duration_ms,
    worker: row.worker,
    url: row.url,
    address: row.address,
    request_headers: requestHeaders(row, delivery),
    ...body,
    body_sha256: row.body_sha256,
    key_version: row.key_version,
    status: row.status,
    response_headers: row.response_headers ?? {},
    response_body: row.response_body ?? "",
    reason: row.reason as Attempt["reason"],
    error: row.error,
  };
}

// Kept once per version of the webhook, and put together again with what changes from attempt to attempt.
function requestHeaders(
  row: AttemptRow,
  { event_id, sequence }: { event_id: string; sequence: number | null },
): Record<string, string> {
  const preset = findPreset(row) ?? PRESETS.airy; // one that a newer program wrote
  const ours = {
    "User-Agent": userAgent(versionOf(row.worker)),
    "Content-Type": "application/json",
    ...(row.traceparent !== null && { traceparent: row.traceparent }),
  };
  return {
    ...withOwnHeaders(ours, row.headers_masked),
    ...namingHeaders(preset, {
      id: event_id,
      timestamp: String(Math.floor(row.at.getTime() / 1_000)),
      attempt: row.number,
      sequence: sequence ?? undefined,
    }),
    ...(row.key_version !== null && { [preset.signatureHeader]: MASK }),
  };
}

// What the worker was called ends with its program's version.
function versionOf(worker: string): string {
  return /\/([^/]+)$/.exec(worker)?.[1] ?? VERSION;
}
