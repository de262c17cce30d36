// Events as the API answers them.
import { OWN_EVENT_TYPES, takesInAny } from "../event-types/names.ts";
import { PosthornError } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import { rawJson, rawString } from "../kernel/raw-json.ts";
import { findEventType, listEventTypeNames } from "../store/event-types.ts";
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
    await store.share(() => checkKnown(store, type));
  return page;
}

// Only where nothing was found: a name that no type has would never find anything, and nobody would say so.
async function checkKnown({ db, tenant }: TenantStore, type: string): Promise<void> {
  if (takesInAny(type, OWN_EVENT_TYPES) || (await findEventType(db, tenant, type))) return;
  const known = await listEventTypeNames(db, tenant);
  if (takesInAny(type, known)) return;
  const message = `type: ${JSON.stringify(type)} takes in no event type of this tenant; event_types.list shows those there are`;
  throw new PosthornError("unknown_event_type", message, { issues: [{ path: "type", message }] });
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
