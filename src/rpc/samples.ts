// The values that the operations' examples share.
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
  type: event.type,
  status: "delivered",
  cause: "publish",
  attempts_made: 1,
  next_attempt_at: null,
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

const key = {
  id: "key_019c13f8d2007a1f80000e5b3c9d7a21",
  name: "my back end",
  scope: "publish",
  tenant: "default",
  expires_at: "2027-01-31T12:00:00.000Z",
  created_at: "2026-01-31T12:00:00.000Z",
  revoked_at: null,
};

const replay = {
  id: "rpl_019c13f8f3a07d5c80001b2c3d4e5f60",
  webhook_id: webhook.id,
  matched: 1_200,
  queued: 700,
  delivered: 678,
  dead: 2,
  cancelled: 0,
  status: "running",
  cause: "replay",
  wanted_status: "dead",
  since: "2026-01-31T00:00:00.000Z",
  until: "2026-01-31T12:13:28.352Z",
  created_at: "2026-01-31T12:13:28.352Z",
  finished_at: null,
};

const page = <T>(item: T) => ({
  data: [item],
  pagination_data: { next_cursor: null, previous_cursor: null, total: null },
});

export const samples = {
  webhook,
  event,
  listedEvent,
  notSent,
  delivery,
  attempt,
  eventType,
  key,
  replay,
  page,
};
