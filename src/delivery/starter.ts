// From claimed deliveries to attempts under way: reads what they need, starts them, and gives back what can't start.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { releaseClaimed, type ClaimedDelivery } from "../store/claim.ts";
import type { Db } from "../store/connect.ts";
import { createEventReader, type EventToSend } from "../store/events.ts";
import { loadSchemas } from "./schemas.ts";
import { CRASHES_MAX, send, type Load, type SendContext } from "./send.ts";
import type { Settler } from "./settler.ts";
import type { Target, Targets } from "./target.ts";
import { shownBy, type Place, type Shown, type Window } from "./window.ts";

const START_WITHIN_MS = 0.9 * SECOND; // a second after an unsubscribe's answer nothing may start: later claims go back
const DRAIN_MS = 30 * SECOND; // as long as the longest timeout

export type StarterOptions = SendContext & {
  pool: pg.Pool;
  db: Db;
  monotonic: MonotonicClock;
  targets: Targets;
  log: Log;
};

export type Starter = {
  /**
   * Takes places for what was claimed, at once, and starts it. `askedAt` is when the claim was asked for, by the monotonic
   * clock. Rejects where the database does not tell what is needed; then all of it was given back.
   */
  start(deliveries: readonly ClaimedDelivery[], askedAt: number): Promise<void>;
  /** Lets what is in flight finish for up to 30 s, and gives back the rest. */
  drain(): Promise<void>;
};

type Claimed = { delivery: ClaimedDelivery; place: Place };

/** Creates a starter; `left` is called whenever a place is free again. */
export function createStarter(
  options: StarterOptions,
  { window, settler, left }: { window: Window; settler: Settler; left: () => void },
): Starter {
  const { pool, db, monotonic, targets, log } = options;
  const readEvents = createEventReader(pool);
  const unfinished = new Map<Promise<void>, ClaimedDelivery>();
  let isLate = false;

  async function startAll(claimed: readonly Claimed[], askedAt: number): Promise<void> {
    const deliveries = claimed.map(({ delivery }) => delivery);
    const [webhooks, events] = await Promise.all([
      targets.load(deliveries),
      readEvents(deliveries),
    ]);
    const schemaOf = await loadSchemas(db, events);
    if (isTooLate(monotonic() - askedAt)) return giveBack(claimed);
    const byId = new Map(events.map((event) => [event.id, event]));
    const [known, gone] = split(
      claimed,
      ({ delivery }) => byId.has(delivery.event_id) || delivery.crashes >= CRASHES_MAX,
    );
    if (gone.length > 0) waitFor(gone);
    const loads = known.map(({ delivery, place }) => ({
      load: loadOf(delivery, webhooks, byId),
      place,
    }));
    const [now, tooMany] = split(loads, ({ load, place }) => window.reach(place, load.target.host));
    for (const { load, place } of now) startOne({ ...load, schema: schemaOf(load.event) }, place);
    if (tooMany.length > 0)
      await giveBack(tooMany.map(({ load: { delivery }, place }) => ({ delivery, place })));
  }

  // An event's day may be out of sight for a moment while retention finds that it is still needed: nothing is said of the
  // delivery then, and its lease is left to run out.
  function waitFor(gone: readonly Claimed[]): void {
    for (const { place } of gone) window.leave(place, "nothing");
    log.warn({ count: gone.length }, "events of deliveries are not there; their leases run out");
  }

  function isTooLate(tookMs: number): boolean {
    const wasLate = isLate;
    isLate = tookMs > START_WITHIN_MS;
    if (isLate && !wasLate)
      log.warn(
        { took_ms: Math.round(tookMs) },
        "the database is too slow: deliveries are given back, since they may have been unsubscribed meanwhile",
      );
    return isLate;
  }

  function startOne(load: Load, place: Place): void {
    const { delivery } = load;
    let shown: Shown = "nothing";
    const finished = send(options, load)
      .then((settlement) => {
        shown = shownBy(settlement.attempt.reason);
        settler.add(settlement);
      })
      // Nothing was learned, so the lease is left to run out: after the fifth time it counts as a failed attempt.
      .catch((err: unknown) => log.error({ err, delivery: delivery.id }, "an attempt broke off"))
      .finally(() => {
        unfinished.delete(finished);
        window.leave(place, shown);
        left();
      });
    unfinished.set(finished, delivery);
  }

  // What has been started is not among them: its place is left when it ends.
  async function giveBack(claimed: readonly Claimed[]): Promise<void> {
    for (const { place } of claimed) window.leave(place, "nothing");
    const deliveries = claimed.map(({ delivery }) => delivery);
    await releaseClaimed(pool, deliveries).catch((err: unknown) => {
      log.warn(
        { err, count: deliveries.length },
        "claimed deliveries wait for their lease to run out",
      );
    });
  }

  return {
    async start(deliveries, askedAt) {
      if (deliveries.length === 0) return;
      const claimed = deliveries.map((delivery) => ({
        delivery,
        place: window.enter(delivery.webhook_id, delivery.proven),
      }));
      try {
        await startAll(claimed, askedAt);
      } catch (error) {
        await giveBack(claimed);
        throw error;
      }
    },
    async drain() {
      await settled([...unfinished.keys()], DRAIN_MS);
      const left = [...unfinished.values()];
      if (left.length > 0) await releaseClaimed(pool, left).catch(() => {});
    },
  };
}

function loadOf(
  delivery: ClaimedDelivery,
  webhooks: ReadonlyMap<number, Target>,
  events: ReadonlyMap<string, EventToSend>,
): Omit<Load, "schema"> {
  const target = webhooks.get(delivery.webhook_id);
  if (!target) throw new Error(`delivery ${delivery.id} points to a webhook that is not there`);
  return { delivery, target, event: events.get(delivery.event_id) ?? goneEvent(delivery) };
}

// For the attempt that is none: the day of its event has been gone for five leases.
function goneEvent({ event_id: id, tenant }: ClaimedDelivery): EventToSend {
  return { id, tenant, type: "", timestamp: new Date(0), payload: null, schema_checked: true };
}

function split<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const halves: [T[], T[]] = [[], []];
  for (const item of items) halves[isFirst(item) ? 0 : 1].push(item);
  return halves;
}

async function settled(promises: Promise<void>[], timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([Promise.allSettled(promises), late]);
  clearTimeout(timer);
}
