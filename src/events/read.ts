// Events as the API answers them.
import { checkTypeFilter } from "../event-types/filter.ts";
import { PosthornError } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import { rawJson, rawString } from "../kernel/raw-json.ts";
import { findEvent, listEvents, type EventRow } from "../store/events.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { Event, ListedEvent, ListEventsInput } from "./schema.ts";

export async function list(store: TenantStore, input: ListEventsInput) {
  const { cursor, page_size, with_payload, ...filter } = input;
  const page = await readPage(
    store,
    { tenant: store.tenant, list: "events", filter },
    { cursor, page_size },
    ({ after, limit, bytesMax }) =>
      store.share(() =>
        listEvents(store.db, store.tenant, {
          ...filter,
          before: after ?? undefined,
          limit,
          bytesMax: with_payload ? bytesMax : undefined,
        }),
      ),
    (row) => row.id,
    with_payload ? present : presentListed,
  );
  const { type } = filter;
  if (page.data.length === 0 && type !== undefined)
    await store.share(() => checkTypeFilter(store, type));
  return page;
}

export async function info(store: TenantStore, id: string): Promise<Event> {
  const row = await findEvent(store.db, store.tenant, id);
  if (!row) throw notFound(id);
  return present(row);
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
