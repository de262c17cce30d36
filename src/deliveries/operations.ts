// What can be done with deliveries: read them, and send again.
import { checkTypeFilter } from "../event-types/filter.ts";
import { PosthornError } from "../kernel/errors.ts";
import { afterCommit } from "../kernel/faults.ts";
import { formatId, timeOfUuid } from "../kernel/ids.ts";
import { endsEarly, readPage, smallPart, takeWhatFits } from "../kernel/lists.ts";
import type { ReplaysContext } from "../replays/operations.ts";
import { listAttempts } from "../store/attempts.ts";
import {
  cancelDelivery,
  findDelivery,
  hastenDelivery,
  queueRetry,
  type DeliveryRow,
} from "../store/deliveries.ts";
import { listDeliveriesOf, searchDeliveries } from "../store/delivery-search.ts";
import { findEvent } from "../store/seen-events.ts";
import { tellTenant } from "../store/reach.ts";
import type { TenantStore } from "../store/tenant.ts";
import { findWebhook, findWebhookById } from "../store/webhooks.ts";
import { notFound as webhookNotFound, unsubscribed } from "../webhooks/operations.ts";
import { presentAttempt, presentDelivery, withoutOurSide } from "./present.ts";
import { createBodies } from "./request-body.ts";
import type { Attempt, Delivery, DeliveryInfo, ListDeliveriesInput } from "./schema.ts";

const ATTEMPTS_MAX = 200; // a schedule has 20 waits at most; what is above comes of hastened retries

const SIBLINGS_MAX = 100; // each is one retry or replay of the same event: some 60 KB

/** `queued` is called after deliveries became due, so that a delivery loop in this process need not poll. */
export type DeliveriesContext = ReplaysContext & { queued: () => void };

export async function list({ store }: DeliveriesContext, input: ListDeliveriesInput) {
  const { cursor, page_size, ...asked } = input;
  const { webhook_id, event_id, response_status, oldest_first, ...filter } = asked;
  const webhookId = webhook_id === undefined ? undefined : await internalId(store, webhook_id);
  const wanted = {
    ...filter,
    webhookId,
    eventIds: event_id === undefined ? undefined : [event_id],
    responseStatus: response_status,
    oldestFirst: oldest_first,
  };
  const page = await readPage(
    store,
    { tenant: store.tenant, list: "deliveries", filter: asked, isRising: oldest_first },
    { cursor, page_size },
    (span) => searchDeliveries(store.db, store.reach, { ...wanted, ...span }, store.monotonic),
    (row) => row.id,
    (row) => ({ ...presentDelivery(row), ...tellTenant(store.reach, row) }),
    timeOfUuid,
  );
  if (page.data.length === 0 && filter.type !== undefined)
    await checkTypeFilter(store, filter.type);
  return page;
}

/** The delivery with its attempts, what each of them sent, and every delivery of its event to its webhook. */
export async function info({ store }: DeliveriesContext, id: string): Promise<DeliveryInfo> {
  const { room, share } = store;
  const row = await share(() => find(store, id));
  const [event, siblings] = [
    await share(() => findEvent(store.db, store.reach, row.event_id)),
    await share(() => listSiblings(store, row)),
  ];
  const eventId = formatId("evt", row.event_id);
  const shown = (attempt: Attempt) => (store.reach.isPortal ? withoutOurSide(attempt) : attempt);
  const bodyOf = createBodies(event && { ...event, id: eventId });
  const listUpTo = (bytesMax: number) =>
    share(() => listAttempts(store.db, store.tenant, row, { limit: ATTEMPTS_MAX + 1, bytesMax }));
  const take = (found: Awaited<ReturnType<typeof listUpTo>>) =>
    takeWhatFits(room, found.slice(0, ATTEMPTS_MAX), (attempt) =>
      shown(
        presentAttempt(attempt, { event_id: eventId, sequence: row.sequence }, bodyOf(attempt)),
      ),
    );
  let rows = await listUpTo(smallPart(room));
  const isLarge = rows.length * (event?.payload?.length ?? 0) > smallPart(room);
  const attempts =
    endsEarly(rows) || isLarge
      ? await room.enlarge(async () => take((rows = await listUpTo(room.bytes))))
      : await take(rows);
  return {
    ...presentDelivery(row),
    attempts: attempts.reverse(),
    attempts_left_out: rows.length > attempts.length || endsEarly(rows),
    siblings: siblings.slice(0, SIBLINGS_MAX).map(presentDelivery),
    siblings_left_out: siblings.length > SIBLINGS_MAX,
  };
}

function listSiblings({ db, reach }: TenantStore, row: DeliveryRow): Promise<DeliveryRow[]> {
  const { event_id: eventId, webhook_internal_id: webhookId } = row;
  return listDeliveriesOf(db, reach, { eventId, webhookId, limit: SIBLINGS_MAX + 1 });
}

/** Sends again: a pending delivery becomes due now, a finished one gets a new one beside it. */
export async function retry(context: DeliveriesContext, id: string): Promise<Delivery> {
  return presentDelivery(await retried(context, id));
}

/** Ends a pending delivery as cancelled: nothing more is sent of it. One that was cancelled so is answered as it is. */
export async function cancel({ store }: DeliveriesContext, id: string): Promise<Delivery> {
  await find(store, id);
  await store.db.transaction().execute((trx) => cancelDelivery(trx, store.tenant, id));
  const row = await afterCommit(find(store, id));
  if (row.status === "cancelled" && row.reason === "cancelled") return presentDelivery(row);
  throw new PosthornError(
    "delivery_finished",
    `delivery ${formatId("dlv", id)} is ${row.status} already; only a pending one can be cancelled`,
  );
}

async function retried({ store, queued }: DeliveriesContext, id: string): Promise<DeliveryRow> {
  const row = await find(store, id);
  if (row.status === "pending") {
    await store.db.transaction().execute((trx) => hastenDelivery(trx, store.tenant, id));
    queued();
    return (await afterCommit(findDelivery(store.db, store.reach, id))) ?? row;
  }
  const webhook = await findWebhookById(store.db, row.webhook_internal_id);
  if (!webhook || webhook.deleted_at || webhook.status !== "Subscribed")
    throw unsubscribed(row.webhook_id);
  const queuedId = await store.db
    .transaction()
    .execute((trx) => queueRetry(trx, store.tenant, row));
  if (queuedId === null)
    throw new PosthornError(
      "payload_gone",
      "the event's payload was erased or is past its retention; publish the event anew",
    );
  queued();
  return afterCommit(find(store, queuedId));
}

async function internalId(store: TenantStore, id: string): Promise<number> {
  const webhook = await findWebhook(store.db, store.reach, id);
  if (!webhook) throw webhookNotFound(id);
  return webhook.webhook_id;
}

async function find(store: TenantStore, id: string): Promise<DeliveryRow> {
  const row = await findDelivery(store.db, store.reach, id);
  if (row) return row;
  throw new PosthornError(
    "delivery_not_found",
    `no delivery has the id ${formatId("dlv", id)}; deliveries.list shows those there are`,
  );
}
