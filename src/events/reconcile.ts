// What a receiver lacks of what was sent to it, found by the ids that it has.
import { PosthornError, invalid } from "../kernel/errors.ts";
import { formatId, parseId } from "../kernel/ids.ts";
import { withEvents } from "../store/deliveries.ts";
import { hidesEvents } from "../store/reach.ts";
import { findNewestSince, listSent, queueMissing, type SentDelivery } from "../store/reconcile.ts";
import { findWebhook } from "../store/webhooks.ts";
import { notFound as webhookNotFound, unsubscribed } from "../webhooks/operations.ts";
import type { PublishContext } from "./publish.ts";
import type { Reconciled, ReconcileInput } from "./reconcile-schema.ts";

const DELIVERIES_MAX = 10_000; // of one call: some tenths of a second, and an answer of some MB
const QUEUED_AT_ONCE = 1_000; // by one transaction, which keeps others that send again waiting

type ReconcileContext = Pick<PublishContext, "store" | "published">;

/** Compares what a webhook's receiver has with what was made for it in a span, and sends what is missing again if asked to. */
export async function reconcile(
  context: ReconcileContext,
  input: ReconcileInput,
): Promise<Reconciled> {
  const { store } = context;
  const { db, tenant, reach } = store;
  const webhook = await findWebhook(db, reach, input.webhook_id);
  if (!webhook) throw webhookNotFound(input.webhook_id);
  if (input.redeliver && webhook.status !== "Subscribed") throw unsubscribed(webhook.id);
  const { since, until } = input;
  const sent = await listSent(db, tenant, webhook.webhook_id, {
    since,
    until,
    limit: DELIVERIES_MAX + 1,
  });
  if (sent.length > DELIVERIES_MAX)
    throw invalid(
      "since",
      `more than ${DELIVERIES_MAX} deliveries of this webhook were made in the span; narrow it`,
    );
  const expected = newestByEvent(sent);
  const received = new Map(input.received.map((id) => [parseId("evt", id) ?? id, id]));
  const lacking = [...expected.values()].filter(({ event_id }) => !received.has(event_id));
  const missing = await asOfNow(context, webhook.webhook_id, lacking, until);
  const seen = hidesEvents(reach) ? await withEvents(db, reach, missing, {}) : missing;
  const queued = input.redeliver
    ? await redeliver(context, webhook.webhook_id, seen)
    : new Map<string, string>();
  return {
    missing: seen.map((delivery) => present(delivery, queued.get(delivery.event_id))),
    unexpected: [...received].flatMap(([uuid, id]) => (expected.has(uuid) ? [] : [id])),
  };
}

function newestByEvent(sent: readonly SentDelivery[]): Map<string, SentDelivery> {
  const newest = new Map<string, SentDelivery>();
  for (const delivery of sent)
    if (!newest.has(delivery.event_id)) newest.set(delivery.event_id, delivery);
  return newest;
}

// The newest delivery speaks for an event, also one that was made behind the span.
async function asOfNow(
  { store }: ReconcileContext,
  webhookId: number,
  lacking: readonly SentDelivery[],
  until: Date | undefined,
): Promise<SentDelivery[]> {
  if (until === undefined) return [...lacking];
  const ids = lacking.map(({ event_id }) => event_id);
  const later = await findNewestSince(store.db, store.tenant, webhookId, ids, until);
  return lacking.map((delivery) => later.get(delivery.event_id) ?? delivery);
}

async function redeliver(
  { store, published }: ReconcileContext,
  webhookId: number,
  missing: readonly SentDelivery[],
): Promise<Map<string, string>> {
  const ended = missing.filter(({ status }) => status !== "pending").reverse(); // the oldest first
  const queued = new Map<string, string>();
  for (let start = 0; start < ended.length; start += QUEUED_AT_ONCE) {
    const some = ended.slice(start, start + QUEUED_AT_ONCE);
    for (const [event, id] of await queueMissing(store.pool, store.tenant, webhookId, some))
      queued.set(event, id);
    published(0);
  }
  return queued;
}

function present(
  { id, event_id, status }: SentDelivery,
  queuedId: string | undefined,
): Reconciled["missing"][number] {
  return {
    event_id: formatId("evt", event_id),
    delivery_id: formatId("dlv", queuedId ?? id),
    status: queuedId === undefined ? status : "pending",
  };
}

/** The 403 of a key that may ask, and not have sent. */
export function redeliverForbidden(scope: string): PosthornError {
  return new PosthornError(
    "forbidden",
    `this key's scope is ${scope}; it may reconcile, but redeliver needs one of admin, manage`,
  );
}
