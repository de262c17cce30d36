// Deliveries and attempts as the API answers them.
import { formatId } from "../kernel/ids.ts";
import { PRESETS, type PresetName } from "../presets/index.ts";
import type { AttemptRow } from "../store/attempts.ts";
import type { DeliveryRow } from "../store/deliveries.ts";
import { MASK } from "../webhooks/schema.ts";
import type { Attempt, Delivery } from "./schema.ts";

export function presentDelivery(row: DeliveryRow): Delivery {
  const waitingFor = row.status === "pending" ? waitsFor(row) : null;
  const isHeld = waitingFor === "paused" || waitingFor === "disabled";
  return {
    id: formatId("dlv", row.id),
    event_id: formatId("evt", row.event_id),
    webhook_id: row.webhook_id,
    type: row.type,
    status: row.status,
    cause: row.cause,
    attempts_made: row.attempts_made,
    next_attempt_at: isHeld ? null : (later(row.due_at, row.not_before)?.toISOString() ?? null),
    waiting_for: waitingFor,
    reason: row.reason as Delivery["reason"],
    created_at: row.created_at.toISOString(),
    finished_at: row.finished_at?.toISOString() ?? null,
  };
}

/** An attempt of the delivery with this public event id and sequence; a sample has no sequence. */
export function presentAttempt(
  row: AttemptRow,
  delivery: { event_id: string; sequence: number | null },
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
    body_sha256: row.body_sha256,
    key_version: row.key_version,
    status: row.status,
    response_headers: row.response_headers ?? {},
    response_body: row.response_body ?? "",
    reason: row.reason as Attempt["reason"],
    error: row.error,
  };
}

function waitsFor(row: DeliveryRow): Delivery["waiting_for"] {
  if (row.in_flight) return null;
  if (row.paused) return "paused";
  if (row.health === "disabled") return "disabled";
  if (row.state === 3) return "order";
  if (row.waits_for_rate) return "rate";
  // A webhook told to wait (Retry-After) waits as a whole, its first attempts too.
  if (row.state === 1 || row.not_before) return "retry";
  return row.waits_for_place ? "cap" : null;
}

function later(a: Date | null, b: Date | null): Date | null {
  return a && b && b > a ? b : a;
}

// Kept once per version of the webhook, and put together again with what changes from attempt to attempt.
function requestHeaders(
  row: AttemptRow,
  { event_id, sequence }: { event_id: string; sequence: number | null },
): Record<string, string> {
  const { signatureHeader } = PRESETS[row.preset as PresetName];
  return {
    "Content-Type": "application/json",
    ...row.headers_masked,
    "Webhook-Id": event_id,
    "Webhook-Timestamp": String(Math.floor(row.at.getTime() / 1_000)),
    "Webhook-Attempt": String(row.number),
    ...(sequence !== null && { "Webhook-Sequence": String(sequence) }),
    ...(row.key_version !== null && { [signatureHeader]: MASK }),
  };
}
