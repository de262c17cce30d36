// The delivery loop: claims what is due into the free places, sends it, and settles it in batches.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { CLAIM_MAX, claimDue, releaseClaimed, type ClaimedDelivery } from "../store/claim.ts";
import type { Db } from "../store/connect.ts";
import { loadEvents, type EventToSend } from "../store/events.ts";
import { createAlarm } from "./alarm.ts";
import { loadSchemas } from "./schemas.ts";
import { createSettler } from "./settler.ts";
import { send, type Load, type SendContext } from "./send.ts";
import type { Target, Targets } from "./target.ts";
import { createWindow } from "./window.ts";

const POLL_MS = 40; // of an idle worker: an empty claim costs 0.13 ms, so this is a third of a percent of a core
const REFILL_MS = 5; // while there is work: freed places are filled together, since a claim of one costs as one of fifty
const AWAY_MS = 500; // between tries while the database is away
const UNSETTLED_MAX = 2_000; // outcomes in memory; above it nothing new is claimed
const START_WITHIN_MS = 0.9 * SECOND; // a second after an unsubscribe's answer nothing may start: later claims go back
const DRAIN_MS = 30 * SECOND; // as long as the longest timeout
const SETTLE_WITHIN_MS = 5 * SECOND; // after the drain, for what is not written yet

export type LoopOptions = Omit<SendContext, "clock"> & {
  pool: pg.Pool;
  db: Db;
  clock: SendContext["clock"];
  monotonic: MonotonicClock;
  targets: Targets;
  concurrency: number;
  perWebhook: number;
  log: Log;
};

export type Loop = {
  /** Says that something has become due. */
  wake(): void;
  /** Stops claiming, lets what is in flight finish for up to 30 s, gives back the rest, and writes all down. */
  stop(): Promise<void>;
};

/** Starts delivering. While the database is away the loop waits, and goes on by itself. */
export function startLoop(options: LoopOptions): Loop {
  const { pool, log, monotonic, targets, concurrency } = options;
  const alarm = createAlarm();
  const window = createWindow();
  const settler = createSettler(pool, log);
  const unfinished = new Map<Promise<void>, ClaimedDelivery>();
  let afterWebhook = 0;
  let isAway = false;
  let isStopping = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      try {
        await alarm.wait(await fill());
        if (isAway) log.info("the database is back");
        isAway = false;
      } catch (err) {
        if (!isAway) log.warn({ err }, "nothing can be claimed now; trying on");
        isAway = true;
        await alarm.wait(AWAY_MS);
      }
    }
  }

  // Claims into the free places. Answers how long to wait before the next claim.
  async function fill(): Promise<number> {
    const limit = Math.min(concurrency - window.size, CLAIM_MAX);
    if (limit <= 0 || settler.isBehind || settler.pending > UNSETTLED_MAX) return REFILL_MS;
    const askedAt = monotonic();
    const { deliveries, isFull, clock } = await claimDue(pool, {
      limit,
      perWebhook: options.perWebhook,
      inFlight: window.byWebhook,
      afterWebhook,
    });
    if (clock) options.clock.set(clock, askedAt);
    const wasFromStart = afterWebhook === 0;
    // A full claim goes on behind the last webhook it reached, so that low ids don't win for ever.
    afterWebhook = isFull ? Math.max(0, ...deliveries.map((delivery) => delivery.webhook_id)) : 0;
    await startAll(deliveries, askedAt);
    if (isFull || !wasFromStart) return 0;
    return deliveries.length > 0 || window.size > 0 ? REFILL_MS : POLL_MS;
  }

  async function startAll(deliveries: ClaimedDelivery[], askedAt: number): Promise<void> {
    if (deliveries.length === 0) return;
    for (const { webhook_id } of deliveries) window.enter(webhook_id);
    try {
      const [webhooks, events] = await Promise.all([
        targets.load(deliveries),
        loadEvents(pool, deliveries),
      ]);
      const schemaOf = await loadSchemas(options.db, events);
      if (monotonic() - askedAt > START_WITHIN_MS) return await giveBack(deliveries);
      const byId = new Map(events.map((event) => [event.id, event]));
      const loads = deliveries.map((delivery) => loadOf(delivery, webhooks, byId));
      for (const load of loads) start({ ...load, schema: schemaOf(load.event) });
    } catch (error) {
      await giveBack(deliveries);
      throw error;
    }
  }

  function start(load: Load): void {
    const { delivery } = load;
    const finished = send(options, load)
      .then((settlement) => settler.add(settlement))
      // Nothing was learned, so the lease is left to run out: after the fifth time it counts as a failed attempt.
      .catch((err: unknown) => log.error({ err, delivery: delivery.id }, "an attempt broke off"))
      .finally(() => {
        unfinished.delete(finished);
        window.leave(delivery.webhook_id);
      });
    unfinished.set(finished, delivery);
  }

  async function giveBack(deliveries: ClaimedDelivery[]): Promise<void> {
    for (const { webhook_id } of deliveries) window.leave(webhook_id);
    await releaseClaimed(pool, deliveries).catch((err: unknown) => {
      log.warn(
        { err, count: deliveries.length },
        "claimed deliveries wait for their lease to run out",
      );
    });
  }

  const running = run();
  return {
    wake: () => alarm.wake(),
    async stop() {
      isStopping = true;
      alarm.wake();
      await running;
      await settled([...unfinished.keys()], DRAIN_MS);
      const left = [...unfinished.values()];
      if (left.length > 0) await releaseClaimed(pool, left).catch(() => {});
      await settler.drain(AbortSignal.timeout(SETTLE_WITHIN_MS));
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

// The partition of its day is gone: the attempt fails with that reason, like one whose payload is.
function goneEvent({ event_id: id, tenant }: ClaimedDelivery): EventToSend {
  return { id, tenant, type: "", timestamp: new Date(0), payload: null, schema_checked: true };
}

async function settled(promises: Promise<void>[], timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([Promise.allSettled(promises), late]);
  clearTimeout(timer);
}
