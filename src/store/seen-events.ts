// Events as they are seen: for a reach of some webhooks those that have a delivery to one of them, in the order in which they
// came there.
import type { Db } from "../database/connect.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import type { Found, Sized } from "../kernel/lists.ts";
import { searchStored } from "./delivery-search.ts";
import { searchTenantsEvents, type EventFilter } from "./event-search.ts";
import { findAnyEvent, listEvents, type EventRow } from "./events.ts";
import { findFirstDeliveries } from "./first-deliveries.ts";
import type { Reach } from "./reach.ts";

/** An event, and where it stands in a list: by its id unless said. */
export type SeenEvent = EventRow & Sized & { place?: string };

/** An event that is seen, or undefined. */
export async function findEvent(db: Db, reach: Reach, id: string): Promise<EventRow | undefined> {
  const row = await findAnyEvent(db, reach, id);
  if (!row || reach.webhooks === null) return row;
  return (await findFirstDeliveries(db, reach, [id])).has(id) ? row : undefined;
}

/** The events that are seen and that all filters given take in, newest first; see `searchTenantsEvents`. */
export async function searchEvents(
  db: Db,
  reach: Reach,
  filter: EventFilter,
  monotonic: MonotonicClock,
): Promise<Found<SeenEvent>> {
  if (reach.webhooks === null) return searchTenantsEvents(db, reach, filter, monotonic);
  if (filter.matchedNone) return { rows: [], stoppedAt: null };
  const { before, since, until, limit, bytesMax, ...conditions } = filter;
  const { rows: first, stoppedAt } = await searchStored(
    db,
    reach,
    {
      ...conditions,
      since,
      eventsOf: { since, until },
      firstOfEvent: true,
      after: before ?? null,
      limit,
    },
    monotonic,
  );
  const rows = await readInOrder(db, reach, first, bytesMax);
  return { rows, stoppedAt: rows.length < first.length ? null : stoppedAt };
}

// Where payloads are wanted one by one, since in this order only so it is known where bytes end the page.
async function readInOrder(
  db: Db,
  reach: Reach,
  first: readonly { id: string; event_id: string }[],
  bytesMax: number | undefined,
): Promise<SeenEvent[]> {
  const rows: SeenEvent[] = [];
  const atOnce = bytesMax === undefined ? Math.max(1, first.length) : 1;
  let bytes = 0;
  for (let start = 0; start < first.length && bytes <= (bytesMax ?? 0); start += atOnce) {
    const some = first.slice(start, start + atOnce);
    const ids = some.map(({ event_id }) => event_id);
    const found = await listEvents(db, reach, { ids, limit: ids.length, bytesMax });
    const byId = new Map(found.map((row) => [row.id, row]));
    for (const { id: place, event_id } of some) {
      const row = byId.get(event_id);
      if (!row) continue;
      bytes += row.bytes_to_here;
      const is_followed = bytesMax !== undefined && start + atOnce < first.length;
      rows.push({ ...row, place, bytes_to_here: bytes, is_followed });
    }
  }
  const last = rows.at(-1);
  if (last && rows.length === first.length) last.is_followed = false;
  return rows;
}
