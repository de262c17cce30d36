// The values that the operations' examples share.
import { LATENCY_BOUNDS_MS, LATENCY_SLOTS } from "../kernel/latency.ts";
import { userAgent } from "../kernel/request-headers.ts";
import { VERSION } from "../kernel/version.ts";

const webhook = {
  id: "3e639566-29fa-450d-a59f-ae3c25d7260f",
  name: "Customer X",
  status: "Subscribed",
  url: "https://example.com/hooks",
  headers: { "X-Custom-Header": "e.g. authentication token" },
  events: ["message.created"],
  preset: "airy",
  preset_settings: null,
  channels: [],
  has_signature_key: true,
  paused: false,
  health: "ok",
  health_reason: null,
  retry_schedule_s: null,
  timeout_ms: null,
  rate_limit_per_s: null,
  order: "none",
  external_id: "customer-4711",
  metadata: { plan: "pro" },
  resting_until: null,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

const webhookChange = {
  at: "2026-01-31T12:30:00.000Z",
  kind: "settings",
  by: { key_id: "key_019c13f8d2007a1f80000e5b3c9d7a21", name: "my back end" },
  changes: [{ field: "events", from: ["message.created"], to: ["message.*"] }],
};

const event = {
  id: "evt_019c13f8d2007a1f80004c1b7a9e22d1",
  type: "message.created",
  channel: "+15551234567",
  timestamp: "2026-01-31T12:00:00.000Z",
  payload: { id: 1 },
  payload_text: '{"id":1}',
  created_at: "2026-01-31T12:00:00.004Z",
};
const { payload: _payload, payload_text: _text, ...listedEvent } = event;

const notSent = {
  webhook_id: webhook.id,
  webhook_name: webhook.name,
  reason: "other_type",
  since: "2026-01-30T09:00:00.000Z",
  held_until: null,
  delivery_id: null,
  now: "would_match",
};

const delivery = {
  id: "dlv_019c13f8d2007a1f8000a2f4c6e81b07",
  event_id: event.id,
  webhook_id: webhook.id,
  webhook_name: webhook.name,
  type: event.type,
  channel: event.channel,
  sequence: 1,
  status: "delivered",
  cause: "publish",
  attempts_made: 1,
  next_attempt_at: null,
  last_attempt: {
    at: "2026-01-31T12:00:00.009Z",
    status: 200,
    reason: null,
    duration_ms: 41,
  },
  waiting_for: null,
  reason: null,
  created_at: "2026-01-31T12:00:00.004Z",
  finished_at: "2026-01-31T12:00:00.050Z",
};

const attempt = {
  id: "att_019c13f8d2097b3280005f0e1d2c3b4a",
  number: 1,
  at: "2026-01-31T12:00:00.009Z",
  resent_at: null,
  duration_ms: 41,
  worker: "worker-1",
  url: webhook.url,
  address: "203.0.113.7",
  request_headers: {
    "User-Agent": userAgent(VERSION),
    "Content-Type": "application/json",
    "Webhook-Id": event.id,
  },
  request_body: '{"type":"message.created","timestamp":1769860800000,"payload":{"id":1}}',
  body_is: "as_sent",
  body_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  key_version: 1,
  status: 200,
  response_headers: { "content-type": "text/plain" },
  response_body: "ok",
  reason: null,
  error: null,
};

const eventType = {
  name: "order.shipped",
  description: "An order left the warehouse.",
  schema: { type: "object", required: ["order_id"], properties: { order_id: { type: "string" } } },
  example: { order_id: "A-17" },
  enforce: true,
  created_at: "2026-01-31T12:00:00.000Z",
  updated_at: "2026-01-31T12:00:00.000Z",
};

const { name: _name, created_at: _created, updated_at: changedAt, ...typeFields } = eventType;
const eventTypeVersion = {
  version: 2,
  at: changedAt,
  by: { key_id: "key_019c13f8d2007a1f80000e5b3c9d7a21", name: "my back end" },
  ...typeFields,
  is_archived: false,
};

const key = {
  id: "key_019c13f8d2007a1f80000e5b3c9d7a21",
  name: "my back end",
  scope: "publish",
  tenant: "default",
  expires_at: "2027-01-31T12:00:00.000Z",
  created_at: "2026-01-31T12:00:00.000Z",
  revoked_at: null,
  last_used_at: null,
  is_portal: false,
};

const linkToken = "phl_ZGVmYXVsdA_Zm9yIHRoZSBleGFtcGxlIG9ubHku";

const replay = {
  id: "rpl_019c13f8f3a07d5c80001b2c3d4e5f60",
  webhook_id: webhook.id,
  matched: 1_200,
  queued: 700,
  delivered: 678,
  dead: 2,
  cancelled: 0,
  left_out: { pending: 2, sent_again: 0, payload_gone: 1 },
  status: "running",
  cause: "replay",
  wanted_status: "dead",
  since: "2026-01-31T00:00:00.000Z",
  until: "2026-01-31T12:13:28.352Z",
  created_at: "2026-01-31T12:13:28.352Z",
  finished_at: null,
};

const latency = (slots: Record<number, number>, [p50_ms, p95_ms, p99_ms]: readonly number[]) => ({
  p50_ms,
  p95_ms,
  p99_ms,
  counts: Array.from({ length: LATENCY_SLOTS }, (_, slot) => slots[slot] ?? 0),
});
const sums = {
  attempts: 124,
  delivered: 120,
  retried: 3,
  dead: 1,
  attempt_latency: latency({ 10: 100, 11: 20, 12: 4 }, [38.1, 53.8, 76.1]),
  start_latency: latency({ 4: 115, 5: 6 }, [4.8, 4.8, 6.7]),
};
const stats = {
  frame: {
    since: "2026-01-31T12:00:00.000Z",
    until: "2026-01-31T13:00:00.000Z",
    bucket_s: 3_600,
    latency_error: 0.19,
    latency_bounds_ms: LATENCY_BOUNDS_MS.map((ms) => Math.round(ms * 100) / 100),
  },
  totals: sums,
  bucket: { at: "2026-01-31T12:00:00.000Z", ...sums },
  point: {
    at: "2026-01-31T12:00:00.000Z",
    ...sums,
    attempt_latency: { p50_ms: 38.1, p95_ms: 53.8, p99_ms: 76.1 },
    start_latency: { p50_ms: 4.8, p95_ms: 4.8, p99_ms: 6.7 },
  },
};

const page = <T>(item: T) => ({
  data: [item],
  pagination_data: { next_cursor: null, previous_cursor: null, total: null },
});

export const samples = {
  webhook,
  webhookChange,
  event,
  listedEvent,
  notSent,
  delivery,
  attempt,
  eventType,
  eventTypeVersion,
  key,
  linkToken,
  replay,
  stats,
  page,
};
