// webhooks.test: whether a sample may be sent, of which type, and what came of it.
import { ownExample } from "../event-types/own-examples.ts";
import { PREFIX_PATTERN } from "../event-types/names.ts";
import { PosthornError } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import type { AttemptRow } from "../store/attempts.ts";
import { findEventType, listEventTypeNames } from "../store/event-types.ts";
import type { EventToSend } from "../store/events-to-send.ts";
import type { Hold } from "../queue/sending.ts";
import type { AttemptRecord } from "../queue/settle.ts";
import type { TenantStore } from "../store/tenant.ts";
import { admitTest } from "../store/webhook-tests.ts";
import { findWebhook, type WebhookRow } from "../store/webhooks.ts";
import { notFound, unsubscribed } from "./operations.ts";
import { presentWebhook } from "./present.ts";
import type { TestInput } from "./schema.ts";

/** Sends an event to a webhook, as a delivery would but once, and answers the attempt. */
export type SendSample = (
  webhook: WebhookRow,
  event: EventToSend,
  sentAt: Date,
) => Promise<AttemptRecord>;

/** `share` is taken for what is asked of the database, and not while a receiver is waited for. */
export type TestContext = {
  store: TenantStore;
  sendSample: SendSample;
  /** What keeps this process from sending as a whole. */
  readHold: () => Promise<Hold | null>;
  share: <T>(work: () => Promise<T>) => Promise<T>;
};

const TYPE_BY_DEFAULT = "message.created";

/** Sends one sample event now, also to a paused webhook. It is no event: nothing of it is stored or counted. */
export async function sendTest(
  { store, sendSample, readHold, share }: TestContext,
  input: TestInput,
): Promise<{ attempt: AttemptRow; event: EventToSend }> {
  const { webhook, event, attemptId } = await share(async () => {
    refuseHeld(await readHold());
    return prepare(store, input);
  });
  const record = await sendSample(webhook, event, event.timestamp);
  return {
    attempt: attemptRow(store, webhook, attemptId, record),
    event: { ...event, id: formatId("evt", event.id) },
  };
}

// A button that is pressed on a copy must not reach a customer, and who has stopped all has stopped this.
function refuseHeld(hold: Hold | null): void {
  if (!hold) return;
  const why =
    hold.reason === "paused"
      ? "all sending is paused; posthorn resume-all ends that"
      : "this database is of another installation, as a copy's is; posthorn resume-all --adopt makes it this one's";
  throw new PosthornError("sending_held", `nothing is sent, samples neither: ${why}`);
}

type Prepared = { webhook: WebhookRow; event: EventToSend; attemptId: string };

async function prepare(store: TenantStore, { id, type: wanted }: TestInput): Promise<Prepared> {
  const webhook = await findWebhook(store.db, store.reach, id);
  if (!webhook) throw notFound(id);
  if (webhook.status !== "Subscribed") throw unsubscribed(id);
  const type = wanted ?? (await typeFor(store, webhook.events));
  const payload = await examplePayload(store, type);
  const admission = await admitTest(store.db, webhook.webhook_id);
  if (admission.kind === "refused") throw tooMany(id, admission.retryAfterS);
  const { at, attemptId } = admission;
  const event = {
    tenant: store.tenant,
    id: `test_${attemptId}`, // so that its public id tells it from an event's
    type,
    timestamp: at,
    payload,
    schema_checked: true,
    traceparent: null,
  };
  return { webhook, event, attemptId };
}

/** The first type that a webhook's `events` take in: by their order and, under a prefix, by name. */
function firstMatch(events: readonly string[], known: readonly string[]): string | undefined {
  for (const entry of events) {
    if (!PREFIX_PATTERN.test(entry)) return entry;
    const type = known.find((name) => name.startsWith(entry.slice(0, -1)));
    if (type !== undefined) return type;
  }
  return undefined;
}

async function typeFor(store: TenantStore, events: readonly string[]): Promise<string> {
  if (events.length === 0) return TYPE_BY_DEFAULT;
  return firstMatch(events, await listEventTypeNames(store.db, store.tenant)) ?? TYPE_BY_DEFAULT;
}

// As JSON text; a type without an example has an empty payload.
async function examplePayload(store: TenantStore, type: string): Promise<string> {
  const own = ownExample(type);
  if (own !== undefined) return JSON.stringify(own);
  const found = await findEventType(store.db, store.tenant, type);
  if (found) return found.example ?? "{}";
  const message = `type: ${JSON.stringify(type)} is not an event type of this tenant; event_types.list shows those there are`;
  throw new PosthornError("unknown_event_type", message, { issues: [{ path: "type", message }] });
}

function tooMany(id: string, retryAfterS: number): PosthornError {
  return new PosthornError(
    "rate_limited",
    `webhook ${id} was tested ten times within a minute; try again in ${retryAfterS} s`,
    { retryAfterS },
  );
}

function attemptRow(
  store: TenantStore,
  webhook: WebhookRow,
  id: string,
  record: AttemptRecord,
): AttemptRow {
  return {
    id,
    number: record.number,
    at: record.at,
    resent_at: record.resentAt,
    traceparent: record.traceparent,
    duration_ms: record.durationMs,
    worker: record.worker,
    url: webhook.url,
    preset: webhook.preset,
    preset_settings: webhook.preset_settings,
    headers_masked: presentWebhook(store, "read", webhook).headers,
    address: record.address,
    body_sha256: record.bodySha256,
    key_version: record.keyVersion,
    status: record.status,
    response_headers: record.responseHeaders,
    response_body: record.responseBody,
    reason: record.reason,
    error: record.error,
  };
}
