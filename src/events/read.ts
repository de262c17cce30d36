// Events as the API answers them.
import { checkTypeFilter } from "../event-types/filter.ts";
import { presentDelivery } from "../deliveries/present.ts";
import { readNow } from "../database/database-time.ts";
import { DAY } from "../kernel/duration.ts";
import { invalid, PosthornError } from "../kernel/errors.ts";
import { formatId, timeOfUuid } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import { rawJson, rawString } from "../kernel/raw-json.ts";
import { listDeliveriesOf } from "../store/delivery-search.ts";
import { countWithout } from "../store/event-webhooks.ts";
import type { EventRow } from "../store/events.ts";
import { findEvent, searchEvents } from "../store/seen-events.ts";
import { tellTenant } from "../store/reach.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { Event, EventInfo, ListedEvent, ListEventsInput } from "./schema.ts";

const DELIVERIES_MAX = 100; // of an event that is shown; deliveries.list pages through all

export async function list(store: TenantStore, input: ListEventsInput) {
  const {
    cursor,
    page_size,
    with_payload,
    idempotency_key,
    matched_none,
    payload_contains,
    ...span
  } = input;
  const filter = {
    ...span,
    idempotencyKey: idempotency_key,
    matchedNone: matched_none,
    payloadContains: payload_contains,
  };
  if (payload_contains !== undefined) await checkDay(store, input);
  const page = await readPage(
    store,
    { tenant: store.tenant, list: "events", filter },
    { cursor, page_size },
    ({ after, limit, bytesMax }) =>
      store.share(() =>
        searchEvents(
          store.db,
          store.reach,
          {
            ...filter,
            before: after ?? undefined,
            limit,
            bytesMax: with_payload ? bytesMax : undefined,
          },
          store.monotonic,
        ),
      ),
    (row) => row.place ?? row.id,
    (row) => ({
      ...(with_payload ? present(row) : presentListed(row)),
      ...tellTenant(store.reach, row),
    }),
    timeOfUuid,
  );
  const { type } = filter;
  if (page.data.length === 0 && type !== undefined)
    await store.share(() => checkTypeFilter(store, type));
  return page;
}

const TEXT_SPAN_MS = DAY; // payloads are read one by one

async function checkDay({ db, share }: TenantStore, { since, until }: ListEventsInput) {
  const end = until ?? (await share(() => readNow(db)));
  if (since && end.getTime() - since.getTime() <= TEXT_SPAN_MS) return;
  throw invalid(
    "since",
    "payload_contains reads each payload of the span, so that may be 24 hours at most: give since, and until where it is not now",
  );
}

export async function find(store: TenantStore, id: string): Promise<Event> {
  return present(await findRow(store, id));
}

/** The event with what has become of it. */
export async function info(store: TenantStore, id: string): Promise<EventInfo> {
  const { db, reach } = store;
  const row = await findRow(store, id);
  const rows = await listDeliveriesOf(db, reach, { eventId: id, limit: DELIVERIES_MAX + 1 });
  return {
    ...present(row),
    deliveries: rows.slice(0, DELIVERIES_MAX).map(presentDelivery),
    deliveries_left_out: rows.length > DELIVERIES_MAX,
    webhooks_without: await countWithout(db, reach, row),
  };
}

async function findRow({ db, reach }: TenantStore, id: string): Promise<EventRow> {
  const row = await findEvent(db, reach, id);
  if (row) return row;
  throw notFound(id);
}

/** The 404 of an event. */
export function notFound(id: string): PosthornError {
  return new PosthornError(
    "event_not_found",
    `no event has the id ${formatId("evt", id)}; events.list shows those there are`,
  );
}

function presentListed(row: EventRow): ListedEvent {
  return {
    id: formatId("evt", row.id),
    type: row.type,
    channel: row.channel,
    timestamp: row.timestamp.toISOString(),
    created_at: row.created_at.toISOString(),
  };
}

function present(row: EventRow): Event {
  return {
    ...presentListed(row),
    payload: rawJson(row.payload),
    payload_text: rawString(row.payload),
  };
}
