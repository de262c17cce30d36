// Events as the API answers them.
import { PosthornError } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import { findEvent, listEvents, type EventRow } from "../store/events.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { Event, ListEventsInput } from "./schema.ts";

export function list(store: TenantStore, input: ListEventsInput) {
  const { cursor, page_size, ...filter } = input;
  return readPage(
    store.cursors,
    { tenant: store.tenant, list: "events", filter },
    { cursor, page_size },
    (after, limit) =>
      listEvents(store.db, store.tenant, { ...filter, before: after ?? undefined, limit }),
    (row) => row.id,
    present,
  );
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

function present(row: EventRow): Event {
  return {
    id: formatId("evt", row.id),
    type: row.type,
    channel: row.channel,
    timestamp: row.timestamp.toISOString(),
    payload: row.payload === null ? null : (JSON.parse(row.payload) as unknown),
    created_at: row.created_at.toISOString(),
  };
}
