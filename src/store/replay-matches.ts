// Which events a replay sends again: found page by page, in the same way for the count and for the queue. What became of an
// event may stand on any day after it, so each statement names its days, and what they say is put together here.
import type { Read } from "../database/read.ts";
import type { FinalStatus } from "../database/schema.ts";
import { groupsOfDays, partsForth, readSpan, spanOf, type Span } from "../database/days.ts";

const SCAN_ROWS = 5_000; // passed over for one page, a few µs each: so that none takes long where few match

/** What a replay looks for, and where it is. */
export type ReplaySearch = {
  tenant: string;
  webhook_id: number;
  /** Made from the time of the call: what is newer has been sent since, and is left out. */
  id: string;
  wanted: FinalStatus | "never" | null;
  since: string;
  until: string;
  position: string;
  pending_then: readonly string[];
  /** By a status: whether events are looked at where their first delivery stands, for their order; else at their newest. */
  by_first: boolean;
};

/** An event to be sent again. `place` is the id at which it was found, `finishedLate` whether it ended after the time asked about. */
export type Match = {
  place: string;
  event_id: string;
  sequence: number | null;
  payload_bytes: number;
  finishedLate: boolean;
};

/**
 * How many events were as asked for at the call and are not sent again: a delivery of theirs is pending, or was made since, or their
 * payload is gone.
 */
export type LeftOut = { pending: number; sent_again: number; payload_gone: number };

/** What a page found, in the order of the places. `position` is where to go on; null at the end. */
export type Page = { matches: Match[]; leftOut: LeftOut; position: string | null };

/** What bounds a page: `horizon` lies behind every delivery there is, the partitions made ahead are not looked at. */
export type PageBounds = { horizon: string; rowsMax: number; finishedAfter?: Date | null };

/**
 * Finds what matches next, of at most `rowsMax` candidates. What is pending is left out first and the past read after it: a
 * delivery that ends meanwhile is left out, and none is missed in both.
 */
export async function findMatches(
  read: Read,
  search: ReplaySearch,
  { horizon, rowsMax, finishedAfter = null }: PageBounds,
): Promise<Page> {
  const { candidates, position } = await findCandidates(read, search, rowsMax);
  const ids = candidates.map(({ event_id }) => event_id);
  const past = await readPast(read, search, ids, { horizon, finishedAfter });
  const judged = candidates.map((candidate) => ({
    ...candidate,
    is: judge(search, candidate, past.get(candidate.event_id)),
  }));
  const count = (which: Verdict) => judged.filter(({ is }) => is === which).length;
  const wanted = judged.filter(({ is }) => is === "wanted");
  const sizes = await readPayloadSizes(read, search.tenant, wanted);
  const matches = wanted.flatMap(({ place, event_id }) => {
    const payload_bytes = sizes.get(event_id);
    const { sequence = null, is_late: finishedLate = false } = past.get(event_id) ?? {};
    return payload_bytes === undefined
      ? []
      : [{ place, event_id, sequence, payload_bytes, finishedLate }];
  });
  const leftOut = {
    pending: count("pending"),
    sent_again: count("sent again"),
    payload_gone: wanted.length - matches.length,
  };
  return { matches, leftOut, position };
}

// By a status it passes over the webhook's own finished deliveries: that costs what this webhook got, not what its tenant
// published. Each event is judged once: at its newest delivery, which alone can have the status, so that all others are
// passed by unjudged; for a webhook with an order at its first, since those stand in the order of the events.
const byDelivery = (byFirst: boolean) => `
  scan as materialized (
    select f.id as place, f.event_id, f.status from posthorn.finished_deliveries as f
    where f.bucket = 0 and f.webhook_id = $2 and f.tenant = $1 and f.id > $3 and f.id < $4
    order by f.id limit $5::integer
  ),
  candidates as materialized (
    select place, event_id from scan
    where event_id > $7 and event_id < $8 ${byFirst ? "" : "and status = $9"}
    order by place limit $6::integer
  )`;

// Without one it passes over the tenant's events, and judges those that the webhook's filter takes in now.
const BY_EVENT = `
  scan as materialized (
    select e.id as place, e.id as event_id, e.type, e.channel from posthorn.events as e
    where e.bucket = 0 and e.tenant = $1 and e.id > $3 and e.id < $4
    order by e.id limit $5::integer
  ),
  types as materialized (
    select t.type, array(
      select r.channel from posthorn.routes as r
      where r.tenant = $1 and r.webhook_id = $2 and r.type_pattern = any (posthorn.type_patterns(t.type))
    ) as channels
    from (select distinct type from scan) as t
  ),
  candidates as materialized (
    select place, event_id from scan join types using (type)
    where '' = any (types.channels) or scan.channel = any (types.channels)
    order by place limit $6::integer
  )`;

// The webhook's, of one event, by the index of events: plain equality invites the index of webhooks, which, where statistics
// are older than the rows, was read from end to end for each event (4 ms each of 20,000, where this takes 10 µs).
const isOf = (table: string) =>
  `(${table}.event_id, ${table}.webhook_id) >= (c.event_id, $2) and (${table}.event_id, ${table}.webhook_id) <= (c.event_id, $2)`;

// An event that is yet to be fanned out to the webhook is on its way to it, though it has no delivery.
const FOUND = `
  select c.place, c.event_id, pending.since as pending_since, last.scanned, last.taken, last.scanned_to, last.taken_to
  from (
    select (select count(*) from scan)::integer as scanned, (select count(*) from candidates)::integer as taken,
      (select place from scan order by place desc limit 1) as scanned_to,
      (select place from candidates order by place desc limit 1) as taken_to
  ) as last
  left join candidates as c on true
  left join lateral (
    select d.id as since from posthorn.deliveries as d
    where d.bucket = 0 and d.event_id = c.event_id and d.event_id > '00000000-0000-0000-0000-000000000000'
      and ${isOf("d")}
    union all
    select x.event_id from posthorn.expansions as x
    where x.bucket = 0 and x.event_id = c.event_id and $2 = any (x.webhook_ids[x.done + 1 :])
    limit 1
  ) as pending on true
  order by c.place`;

/** `pending_since` is the id of the delivery that it has on its way, or its own where that is yet to be made; else null. */
type Candidate = Pick<Match, "place" | "event_id"> & { pending_since: string | null };
type Found = { [K in keyof Candidate]: Candidate[K] | null } & {
  scanned: number;
  taken: number;
  scanned_to: string;
  taken_to: string;
};

const isByDelivery = ({ wanted }: ReplaySearch) => wanted !== null && wanted !== "never";

// Where the next page goes on: behind the last candidate where there were as many as asked for, else behind what was passed
// over; null at the end.
async function findCandidates(
  read: Read,
  search: ReplaySearch,
  rowsMax: number,
): Promise<{ candidates: Candidate[]; position: string | null }> {
  const { tenant, webhook_id, since, until, wanted } = search;
  const candidates: Candidate[] = [];
  let [scanLeft, takeLeft] = [SCAN_ROWS, rowsMax];
  for (const part of await daysToScan(read, search)) {
    const found = await read<Found>(
      isByDelivery(search)
        ? `with ${byDelivery(search.by_first)} ${FOUND}`
        : `with ${BY_EVENT} ${FOUND}`,
      [
        ...[tenant, webhook_id, part.from, part.until, scanLeft, takeLeft],
        ...(isByDelivery(search) ? [since, until, ...(search.by_first ? [] : [wanted])] : []),
      ],
    );
    for (const { place, event_id, pending_since } of found)
      if (place !== null && event_id !== null) candidates.push({ place, event_id, pending_since });
    const { scanned = 0, taken = 0, scanned_to = null, taken_to = null } = found[0] ?? {};
    scanLeft -= scanned;
    takeLeft -= taken;
    if (takeLeft === 0) return { candidates, position: taken_to };
    if (scanLeft === 0) return { candidates, position: scanned_to };
  }
  return { candidates, position: null };
}

async function daysToScan(read: Read, search: ReplaySearch): Promise<Span[]> {
  const [table, until] = isByDelivery(search)
    ? (["finished_deliveries", search.id] as const)
    : (["events", search.until] as const);
  const { from: oldest } = await readSpan(read, table);
  return partsForth({ from: search.position > oldest ? search.position : oldest, until });
}

/** `then_` is of its newest delivery at the call, which `newest_id` may be, too: null where it had none that had ended. */
type Past = {
  event_id: string;
  first_id: string;
  newest_id: string;
  then_id: string | null;
  then_status: FinalStatus | null;
  sequence: number | null;
  is_late: boolean;
};

// What became of each event at the webhook, on all the days since the oldest of them.
async function readPast(
  read: Read,
  { id, webhook_id, pending_then }: ReplaySearch,
  eventIds: string[],
  { horizon, finishedAfter }: { horizon: string; finishedAfter: Date | null },
): Promise<Map<string, Past>> {
  const past = new Map<string, Past>();
  const ids = [...new Set(eventIds)].sort();
  const [oldest] = ids;
  if (oldest === undefined) return past;
  for (const part of partsForth({ from: spanOf(oldest).from, until: horizon })) {
    const rows = await read<Past>(
      `select c.event_id, (array_agg(f.id order by f.id))[1] as first_id, (array_agg(f.id order by f.id desc))[1] as newest_id,
         (array_agg(f.id order by f.id desc) filter (where f.is_then))[1] as then_id,
         (array_agg(f.status order by f.id desc) filter (where f.is_then))[1] as then_status, max(f.sequence) as sequence,
         coalesce(max(f.finished_at) > $5::timestamptz, false) as is_late
       from unnest($1::uuid[]) as c (event_id)
       cross join lateral (
         select f.*, f.id < $6 and f.id <> all ($7::uuid[]) as is_then from posthorn.finished_deliveries as f
         where f.bucket = 0 and f.event_id = c.event_id and ${isOf("f")}
           and f.id >= posthorn.lowest_of_millisecond(c.event_id) and f.id >= $3 and f.id < $4
         offset 0
       ) as f
       group by c.event_id`,
      [
        ids.filter((event) => event < part.until),
        ...[webhook_id, part.from, part.until, finishedAfter, id, pending_then],
      ],
    );
    for (const row of rows) {
      const before = past.get(row.event_id);
      past.set(row.event_id, before ? joined(before, row) : row);
    }
  }
  return past;
}

function joined(before: Past, later: Past): Past {
  const sequences = [before.sequence, later.sequence].filter((sequence) => sequence !== null);
  return {
    ...later,
    first_id: before.first_id,
    then_id: later.then_id ?? before.then_id,
    then_status: later.then_status ?? before.then_status,
    sequence: sequences.length > 0 ? Math.max(...sequences) : null,
    is_late: before.is_late || later.is_late,
  };
}

type Verdict = "wanted" | "pending" | "sent again" | "not asked for";

function judge(search: ReplaySearch, candidate: Candidate, past: Past | undefined): Verdict {
  if (!wasAskedFor(search, candidate, past)) return "not asked for";
  if (candidate.pending_since !== null) return "pending";
  if (!past || past.newest_id === past.then_id) return "wanted";
  return search.pending_then.includes(past.newest_id) ? "pending" : "sent again";
}

// As of the call.
function wasAskedFor(
  { id, wanted, by_first }: ReplaySearch,
  { place, pending_since }: Candidate,
  past: Past | undefined,
): boolean {
  if (wanted === null) return true;
  const wasPending = pending_since !== null && pending_since < id;
  if (wanted === "never") return !past?.then_id && !wasPending;
  return past?.then_status === wanted && place === (by_first ? past.first_id : past.then_id);
}

/** How long events' payloads are; those that are gone are left out. */
export async function readPayloadSizes(
  read: Read,
  tenant: string,
  events: readonly { event_id: string }[],
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const ids of groupsOfDays(events.map(({ event_id }) => event_id))) {
    const rows = await read<{ id: string; size: number }>(
      `select id, octet_length(payload) as size from posthorn.event_payloads
       where bucket = 0 and tenant = $1 and id = any ($2::uuid[]) and payload is not null`,
      [tenant, ids],
    );
    for (const { id, size } of rows) sizes.set(id, size);
  }
  return sizes;
}
