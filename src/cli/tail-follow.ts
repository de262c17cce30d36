// Follows deliveries: what is new of them, and what has changed, since it was asked last.
import { MINUTE, SECOND } from "../kernel/duration.ts";
import type { Api, Client } from "./api.ts";
import { PAGE_SIZE, pages } from "./remote.ts";

export type Delivery = Awaited<ReturnType<Client["deliveries"]["list"]["query"]>>["data"][number];

/** What is followed: fields of deliveries.list. */
export type Followed = { webhook_id?: string; type?: string; channel?: string };

// A delivery can be seen so late: its created_at is that of its publish, whose transaction may commit later.
const LATE_MS_MAX = 1 * MINUTE;
const PAGES_MAX = 5; // a look: a thousand deliveries, more than anybody reads in a second
const SHOWN_MAX = PAGES_MAX * PAGE_SIZE;
const KNOWN_MAX = 5_000; // pending ones that are watched for their next attempt
const LOOKS_MAX = 10; // at one delivery each, a look: what waits is asked for when it is due

/** What has changed, and whether there is more than was looked at. */
export type Changes = { changed: Delivery[]; isMore: boolean };

type Known = { delivery: Delivery; lookedAt: number };

/** Begins with what is pending now, and answers how to ask what has changed since; the oldest change first. */
export async function startFollowing(api: Api, followed: Followed) {
  const session = await api((client, call) => client.session.info.query({}, call));
  const clockAheadMs = Date.parse(session.now) - Date.now();
  const now = () => Date.now() + clockAheadMs;
  const startedAt = now();
  const known = new Map<string, Known>();
  let finished = new Map<string, number>(); // printed as ended, by when: not to be printed again

  const list = (filter: { status?: "pending"; since?: string }) =>
    pages<Delivery>((page) =>
      api((client, call) =>
        client.deliveries.list.query({ ...followed, ...filter, ...page }, call),
      ),
    );
  const remember = (delivery: Delivery) => {
    if (delivery.status === "pending") {
      if (known.size < KNOWN_MAX) known.set(delivery.id, { delivery, lookedAt: now() });
      return;
    }
    known.delete(delivery.id);
    finished.set(delivery.id, now());
  };
  const isChanged = (delivery: Delivery) => {
    const before = known.get(delivery.id)?.delivery;
    if (!before) return !finished.has(delivery.id);
    return before.status !== delivery.status || before.attempts_made !== delivery.attempts_made;
  };

  for await (const page of upTo(list({ status: "pending" }), PAGES_MAX)) page.forEach(remember);

  return async (): Promise<Changes> => {
    const since = new Date(Math.max(startedAt, now() - LATE_MS_MAX));
    const found = new Map<string, Delivery>();
    let isMore = false; // until a page has nothing new
    for await (const page of upTo(list({ since: since.toISOString() }), PAGES_MAX)) {
      for (const delivery of page) found.set(delivery.id, delivery);
      isMore = page.some(isChanged);
      if (!isMore) break;
    }
    for (const delivery of await lookAgain(api, known, found, now()))
      found.set(delivery.id, delivery);
    const changed = [...found.values()].filter(isChanged).sort(byChange);
    for (const delivery of found.values()) remember(delivery);
    finished = new Map([...finished].filter(([, at]) => at > now() - 2 * LATE_MS_MAX));
    return { changed, isMore: isMore && found.size >= SHOWN_MAX };
  };
}

// What was not among the newest: those whose attempt is due, and then those that wait for no time, longest unseen first.
async function lookAgain(
  api: Api,
  known: ReadonlyMap<string, Known>,
  found: ReadonlyMap<string, Delivery>,
  now: number,
): Promise<Delivery[]> {
  const due = [...known.values()]
    .filter(({ delivery: { id, next_attempt_at: at }, lookedAt }) => {
      if (found.has(id)) return false;
      return at === null ? now - lookedAt > 5 * SECOND : Date.parse(at) <= now;
    })
    .sort((a, b) => a.lookedAt - b.lookedAt)
    .slice(0, LOOKS_MAX);
  const pagesOfEach = await Promise.all(
    due.map(({ delivery: { id, event_id, webhook_id } }) =>
      api(async (client, call) => {
        const page = await client.deliveries.list.query(
          { event_id, webhook_id, page_size: 200 },
          call,
        );
        return page.data.filter((delivery) => delivery.id === id);
      }),
    ),
  );
  return pagesOfEach.flat();
}

async function* upTo<T>(all: AsyncGenerator<T>, count: number): AsyncGenerator<T> {
  let left = count;
  for await (const each of all) {
    yield each;
    left -= 1;
    if (left === 0) return;
  }
}

function byChange(a: Delivery, b: Delivery): number {
  return timeOf(a).localeCompare(timeOf(b));
}

function timeOf({ finished_at, last_attempt, created_at }: Delivery): string {
  return finished_at ?? last_attempt?.at ?? created_at;
}
