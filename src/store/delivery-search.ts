// The search for deliveries by what they are, newest or oldest first: pending and finished ones as one list.
import type { Db } from "../database/connect.ts";
import { partsBack, partsForth, readSpan, spanOf, within, type Span } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import { timeOfUuid } from "../kernel/ids.ts";
import type { Found } from "../kernel/lists.ts";
import type { Sizes } from "../kernel/look-through.ts";
import {
  describeDeliveries,
  withEvents,
  type DeliveryRow,
  type OfEvent,
  type StoredDelivery,
} from "./deliveries.ts";
import { isJudged, scanDeliveries, type DeliveryFilter } from "./delivery-scan.ts";
import { findEventIds } from "./event-search.ts";
import { findFirstDeliveries } from "./first-deliveries.ts";
import { lookThroughDays } from "./look-days.ts";
import { hidesEvents, type Reach } from "./reach.ts";

// Rows of a slice: what is passed over costs a few µs where its row tells all, and some more where its event has to be read.
const OF_ROWS = { min: 500, first: 2_000, max: 50_000 };
const OF_EACH_MIN = 10; // of each webhook, where they are many
const OF_EVENTS = { min: 100, first: 300, max: 5_000 };

// So few events, with so many deliveries, that these are asked for by theirs.
const EVENTS_MAX = 200;
const FANNED_OUT_MAX = 5_000;

/**
 * The deliveries that are seen and that all filters given take in: `since` included, `until` not. What no index leads to is looked for
 * for a while, and the answer says where it stopped.
 */
export async function searchDeliveries(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  monotonic: MonotonicClock,
): Promise<Found<DeliveryRow>> {
  const { rows, stoppedAt } = await searchStored(db, reach, filter, monotonic);
  return { rows: await describeDeliveries(db, rows), stoppedAt };
}

/**
 * The newest deliveries of an event, or those of them to one webhook, however long that takes: an index has them, so that a day costs
 * next to nothing, and whoever asks for one thing can't go on with the next page.
 */
export async function listDeliveriesOf(
  db: Db,
  reach: Reach,
  { eventId, webhookId, limit }: { eventId: string; webhookId?: number; limit: number },
): Promise<DeliveryRow[]> {
  const filter = { eventIds: [eventId], webhookId, limit };
  return (await searchDeliveries(db, reach, filter, () => 0)).rows;
}

/** The same, without what their webhooks are called and what they wait for. */
export async function searchStored(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  monotonic: MonotonicClock,
): Promise<Found<StoredDelivery & OfEvent>> {
  const { after = null, limit, oldestFirst } = filter;
  const isOfEvents = judgesEvents(reach, filter);
  let narrowed: DeliveryFilter | undefined;
  let slices = 0;
  let narrowingMs = 0; // not of the time for looking: by few events the rest is soon found, and a page cut there has none of it
  return lookThroughDays({
    monotonic: () => monotonic() - narrowingMs,
    parts: await partsOf(db, filter),
    after,
    limit,
    sizes: sizesOf(reach, filter),
    isForth: oldestFirst,
    bySpans: !isOfEvents && filter.eventIds === undefined && isJudged(filter),
    look: async (span, size, limit) => {
      // Where the newest have not filled the page, what is looked for may be of few events.
      if (isOfEvents && ++slices === 2) {
        const began = monotonic();
        narrowed = await ofFewEvents(db, reach, filter, monotonic);
        if (narrowed) narrowingMs = monotonic() - began;
      }
      const of = { ...(narrowed ?? filter), limit: (isOfEvents && size) || limit };
      const { rows, ...slice } = await scanDeliveries(db, reach, of, span, size);
      const ofEvents = await withEvents(db, reach, rows, filter);
      const wanted = filter.firstOfEvent ? await firstOnly(db, reach, ofEvents) : ofEvents;
      return { ...slice, rows: wanted.slice(0, limit) };
    },
  });
}

// The same search by the ids of the events that it is about, where these are few.
async function ofFewEvents(
  db: Db,
  reach: Reach,
  filter: DeliveryFilter,
  monotonic: MonotonicClock,
): Promise<DeliveryFilter | undefined> {
  const { type, channel, idempotencyKey, payloadContains, eventIds, oldestFirst, after, until } =
    filter;
  if (eventIds !== undefined || payloadContains !== undefined) return undefined;
  if ([type, channel, idempotencyKey].every((given) => given === undefined)) return undefined;
  // An event is never younger than its deliveries.
  const before = after && !oldestFirst ? spanOf(after).until : undefined;
  const wanted = { type, channel, idempotencyKey, until, before, limit: EVENTS_MAX + 1 };
  const { rows, stoppedAt } = await findEventIds(db, reach, wanted, monotonic);
  const fannedOut = rows.reduce((sum, { matched }) => sum + matched, 0);
  if (stoppedAt !== null || rows.length > EVENTS_MAX || fannedOut > FANNED_OUT_MAX)
    return undefined;
  return { ...filter, eventIds: rows.map(({ id }) => id) };
}

async function partsOf(db: Db, filter: DeliveryFilter): Promise<Span[]> {
  const { eventIds, after, oldestFirst } = filter;
  let span = within(await readSpan(readBy(db), "finished_deliveries"), filter);
  // A delivery is never older than its event.
  const [oldest] = eventIds?.toSorted() ?? [];
  if (oldest !== undefined) span = within(span, { since: timeOfUuid(oldest) });
  if (!oldestFirst) return partsBack(within(span, { before: after ?? undefined }));
  return partsForth(after && after > span.from ? { ...span, from: after } : span);
}

function sizesOf(reach: Reach, filter: DeliveryFilter) {
  const { limit, eventIds } = filter;
  const whole = { min: OF_ROWS.max, first: OF_ROWS.max, max: OF_ROWS.max };
  if (judgesEvents(reach, filter)) return dividedBy(reach.webhooks?.length ?? 1, OF_EVENTS);
  if (!isJudged(filter)) return { min: limit, first: limit, max: limit };
  return eventIds === undefined ? OF_ROWS : whole; // sorted anew for each slice
}

// Of each of the webhooks that alone are seen so many are read.
function dividedBy(webhooks: number, { min, first, max }: Sizes): Sizes {
  const part = (size: number) => Math.max(OF_EACH_MIN, Math.ceil(size / Math.max(1, webhooks)));
  return { min: part(min), first: part(first), max: part(max) };
}

const judgesEvents = (reach: Reach, { type, channel }: DeliveryFilter) =>
  type !== undefined || channel !== undefined || hidesEvents(reach);

async function firstOnly<Row extends { id: string; event_id: string }>(
  db: Db,
  reach: Reach,
  rows: readonly Row[],
): Promise<Row[]> {
  const first = await findFirstDeliveries(
    db,
    reach,
    rows.map(({ event_id }) => event_id),
  );
  return rows.filter(({ id, event_id }) => first.get(event_id) === id);
}
