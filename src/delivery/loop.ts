// The delivery loop: claims what is due into the free places, sends it, and settles it in batches.
import type pg from "pg";

import { sleep } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { claimDue, releaseClaimed, type ClaimedDelivery } from "../store/claim.ts";
import type { Db } from "../store/connect.ts";
import { loadEvents, type EventToSend } from "../store/events.ts";
import { createAlarm } from "./alarm.ts";
import { createLanes } from "./lanes.ts";
import { createRotation } from "./rotation.ts";
import { loadSchemas } from "./schemas.ts";
import { createSettler } from "./settler.ts";
import { CRASHES_MAX, send, type Load, type SendContext } from "./send.ts";
import type { Target, Targets } from "./target.ts";
import { createWindow, shownBy, type Place, type Shown, type WindowOptions } from "./window.ts";

const POLL_BUSY_MS = 10; // of a worker that has had work lately: what is published elsewhere waits half of it on average
const POLL_IDLE_MS = 100; // after two seconds without: what is published elsewhere then waits so long at most
const BUSY_MS = 2 * SECOND;
const REFILL_MS = 5; // between claims of a busy worker: one of fifty costs little more than one of one
const REFILL_AT_ONCE_MAX = 16; // with fewer in flight a place is filled again after 1 ms
const AWAY_MS = 500; // between tries while the database is away
const UNSETTLED_MAX = 2_000; // outcomes in memory; above it nothing new is claimed
const START_WITHIN_MS = 0.9 * SECOND; // a second after an unsubscribe's answer nothing may start: later claims go back
const DRAIN_MS = 30 * SECOND; // as long as the longest timeout
const SETTLE_WITHIN_MS = 5 * SECOND; // after the drain, for what is not written yet

export type LoopOptions = Omit<SendContext, "clock"> &
  WindowOptions & {
    pool: pg.Pool;
    db: Db;
    clock: SendContext["clock"];
    targets: Targets;
    log: Log;
  };

export type Loop = {
  /** Says that something has become due. */
  wake(): void;
  /** Stops claiming, lets what is in flight finish for up to 30 s, gives back the rest, and writes all down. */
  stop(): Promise<void>;
};

type Claimed = { delivery: ClaimedDelivery; place: Place };

/** Starts delivering. While the database is away the loop waits, and goes on by itself. */
export function startLoop(options: LoopOptions): Loop {
  const { pool, log, monotonic, targets } = options;
  const alarm = createAlarm();
  const window = createWindow(options);
  const lanes = createLanes({ pool, monotonic, ready: () => alarm.wake(), log });
  const settler = createSettler(pool, log, (settlements) => lanes.settled(settlements));
  const rotation = createRotation();
  const unfinished = new Map<Promise<void>, ClaimedDelivery>();
  let claimedAt = -Infinity;
  let workedAt = -Infinity;
  let isAway = false;
  let isLate = false;
  let isStopping = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      try {
        const hasMore = await fill();
        if (isAway) log.info("the database is back");
        isAway = false;
        if (!hasMore) await rest();
      } catch (err) {
        if (!isAway) log.warn({ err }, "nothing can be claimed now; trying on");
        isAway = true;
        await alarm.wait(AWAY_MS);
      }
    }
  }

  // Until something is due or a place is free again, and long enough for others to come.
  async function rest(): Promise<void> {
    await alarm.wait(monotonic() - workedAt < BUSY_MS ? POLL_BUSY_MS : POLL_IDLE_MS);
    const apartMs = window.size > REFILL_AT_ONCE_MAX ? REFILL_MS : 1;
    const earlyMs = claimedAt + apartMs - monotonic();
    if (earlyMs > 0 && !isStopping) await sleep(earlyMs);
  }

  // Claims into the free places. Answers whether there may be more to claim at once.
  async function fill(): Promise<boolean> {
    const limits = window.limits();
    if (limits.limit === 0 || settler.isBehind || settler.pending > UNSETTLED_MAX) return false;
    claimedAt = monotonic();
    const claim = await claimDue(pool, { ...limits, afterWebhook: rotation.after });
    options.clock.set(claim.clock, claimedAt);
    await startAll(claim.deliveries, claimedAt);
    if (claim.deliveries.length > 0) workedAt = monotonic();
    const unproven = claim.deliveries.filter(({ proven }) => !proven);
    const isUsedUp = unproven.length > 0 && unproven.length >= limits.unprovenMax;
    const goesOn = rotation.claimed(
      claim.cutAfter,
      isUsedUp ? (unproven.at(-1)?.webhook_id ?? null) : null,
    );
    const hasAdvanced = claim.hasQueued && (await lanes.look()) > 0;
    return goesOn || hasAdvanced;
  }

  async function startAll(deliveries: readonly ClaimedDelivery[], askedAt: number): Promise<void> {
    if (deliveries.length === 0) return;
    const claimed = deliveries.map((delivery) => ({
      delivery,
      place: window.enter(delivery.webhook_id, delivery.proven),
    }));
    try {
      const [webhooks, events] = await Promise.all([
        targets.load(deliveries),
        loadEvents(pool, deliveries),
      ]);
      const schemaOf = await loadSchemas(options.db, events);
      if (isTooLate(monotonic() - askedAt)) return await giveBack(claimed);
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
      const [now, tooMany] = split(loads, ({ load, place }) =>
        window.reach(place, load.target.host),
      );
      for (const { load, place } of now) start({ ...load, schema: schemaOf(load.event) }, place);
      if (tooMany.length > 0)
        await giveBack(tooMany.map(({ load: { delivery }, place }) => ({ delivery, place })));
    } catch (error) {
      await giveBack(claimed);
      throw error;
    }
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

  function start(load: Load, place: Place): void {
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
        if (window.isContended) alarm.wake();
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
