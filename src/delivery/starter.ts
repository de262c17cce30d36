// From claimed deliveries to attempts under way: reads what they need, starts them, and gives back what can't start.
import type { Judging } from "../event-types/judging/index.ts";
import type { MonotonicClock } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { type ClaimedDelivery } from "../queue/claim.ts";
import { whichMayBeSent } from "../queue/look-again.ts";
import { releaseClaimed } from "../queue/release.ts";
import type { Db } from "../database/connect.ts";
import { createEventReader, type EventToSend } from "../store/events-to-send.ts";
import type { Settlement } from "../queue/settle.ts";
import { putOff } from "../queue/put-off.ts";
import { createLateJudging } from "./judging.ts";
import { loadSchemas, type SchemaOf } from "./schemas.ts";
import { CRASHES_MAX, send, type SendContext } from "./send.ts";
import type { Settler } from "./settler.ts";
import type { Target } from "./target.ts";
import type { Targets } from "./targets.ts";
import { shownBy, type Slot, type Shown, type Window } from "./window.ts";

// A second after an unsubscribe's answer nothing may start: what was seen of a webhook is good for so long.
const START_WITHIN_MS = 0.9 * SECOND;
const LACKING_BACKOFF_MS = MINUTE; // of a webhook whose key this worker lacks: a claim given back each time takes of its rate
const DRAIN_MS = 30 * SECOND; // as long as the longest timeout

export type StarterOptions = SendContext & {
  db: Db;
  judging: Pick<Judging, "payload">;
  monotonic: MonotonicClock;
  targets: Targets;
  /** Called with each attempt as soon as it has ended. */
  attempted: (settlement: Settlement, target: Target) => void;
  log: Log;
};

export type Starter = {
  /**
   * Takes slots for what was claimed, at once, and starts it. `askedAt` is when the claim was asked for, by the monotonic
   * clock. Rejects where the database does not tell what is needed; then all of it was given back.
   */
  start(deliveries: readonly ClaimedDelivery[], askedAt: number): Promise<void>;
  /** Lets what is in flight finish for up to 30 s, and gives back the rest. */
  drain(): Promise<void>;
};

type Claimed = { delivery: ClaimedDelivery; slot: Slot };
type Loaded = Claimed & { target: Target; event: EventToSend };

/**
 * Creates a starter; `left` is called whenever a slot is free again, `started` with whether what was claimed came too late to
 * be sent by what the claim had seen, `returned` with what is given back.
 */
export function createStarter(
  options: StarterOptions,
  {
    window,
    settler,
    left,
    started,
    returned,
  }: {
    window: Window;
    settler: Settler;
    left: () => void;
    started: (isLate: boolean) => void;
    returned: (deliveries: readonly ClaimedDelivery[]) => void;
  },
): Starter {
  const { pool, db, monotonic, targets, log } = options;
  const readEvents = createEventReader(pool);
  const judgeLate = createLateJudging(options);
  const unfinished = new Map<Promise<void>, ClaimedDelivery>();
  async function startAll(claimed: readonly Claimed[], askedAt: number): Promise<void> {
    const deliveries = claimed.map(({ delivery }) => delivery);
    const [webhooks, events] = await Promise.all([
      targets.load(deliveries),
      readEvents(deliveries),
    ]);
    const schemaOf = await loadSchemas(db, events);
    const found = load(claimed, webhooks, new Map(events.map((event) => [event.id, event])));
    const { loaded, seenAt } = await inTime(found, askedAt);
    const [lacking, sendable] = split(loaded, ({ target }) => target.lacksKey);
    const [unjudged, judged] = split(
      sendable,
      ({ delivery, event }) => delivery.crashes < CRASHES_MAX && schemaOf(event) !== undefined,
    );
    const tooMany = startReachable(judged);
    if (lacking.length > 0) await leaveToOthers(lacking);
    tooMany.push(...(await startJudged(unjudged, schemaOf, seenAt)));
    if (tooMany.length > 0) await giveBack(tooMany);
  }

  // Where all this took too long, for the database or for this process, the webhooks are looked at again: a read, where giving
  // back and claiming anew are writes of every row. What has changed meanwhile goes back, or all where that took too long, too.
  async function inTime(
    loaded: readonly Loaded[],
    askedAt: number,
  ): Promise<{ loaded: readonly Loaded[]; seenAt: number }> {
    const isLate = monotonic() - askedAt > START_WITHIN_MS;
    started(isLate);
    if (!isLate) return { loaded, seenAt: askedAt };
    const seenAt = monotonic();
    const asked = loaded.map(({ delivery, target }) => ({ ...delivery, version: target.version }));
    const sendable = await whichMayBeSent(options, asked);
    const isTooLate = monotonic() - seenAt > START_WITHIN_MS;
    const [kept, lost] = split(loaded, ({ delivery }) => !isTooLate && sendable.has(delivery.id));
    if (lost.length > 0) await giveBack(lost);
    return { loaded: kept, seenAt };
  }

  // Without those that can't be said anything of now: their leases are left to run out.
  function load(
    claimed: readonly Claimed[],
    webhooks: ReadonlyMap<number, Target>,
    events: ReadonlyMap<string, EventToSend>,
  ): Loaded[] {
    const loaded: Loaded[] = [];
    const gone: Claimed[] = [];
    for (const each of claimed) {
      const { delivery, slot } = each;
      const target = webhooks.get(delivery.webhook_id);
      const event =
        events.get(delivery.event_id) ??
        (delivery.crashes >= CRASHES_MAX ? goneEvent(delivery) : undefined);
      if (target && event) loaded.push({ delivery, slot, target, event });
      else gone.push(each);
    }
    if (gone.length > 0) waitFor(gone);
    return loaded;
  }

  // They may have the key that these are sealed with.
  function leaveToOthers(lacking: readonly Loaded[]): Promise<void> {
    for (const { target } of lacking) window.backOff(target.webhookId, LACKING_BACKOFF_MS);
    return giveBack(lacking);
  }

  // Answers what has to be given back, its host having no slot left.
  function startReachable(loaded: readonly Loaded[]): Claimed[] {
    const [now, tooMany] = split(loaded, ({ slot, target }) => window.reach(slot, target.host));
    for (const each of now) startOne(each, null);
    return tooMany;
  }

  // Each as soon as it is judged. What does not fit ends without a request, however late it is. Answers what has to be
  // given back.
  async function startJudged(
    unjudged: readonly Loaded[],
    schemaOf: SchemaOf,
    askedAt: number,
  ): Promise<Claimed[]> {
    const tooMany: Claimed[] = [];
    const blocked: (Claimed & { waitMs: number })[] = [];
    const start = async (each: Loaded): Promise<void> => {
      const schema = schemaOf(each.event);
      const verdict = schema ? await judgeLate(each.event, schema) : ({ kind: "fits" } as const);
      if (verdict.kind === "unfit") startOne(each, verdict.why);
      else if (verdict.kind === "later") blocked.push({ ...each, waitMs: verdict.waitMs });
      else if (monotonic() - askedAt > START_WITHIN_MS) tooMany.push(each);
      else tooMany.push(...startReachable([each]));
    };
    await Promise.all(unjudged.map(start));
    if (blocked.length > 0) await putOffBlocked(blocked);
    return tooMany;
  }

  // An event's day may be out of sight for a moment while retention finds that it is still needed: nothing is said of the
  // delivery then.
  function waitFor(gone: readonly Claimed[]): void {
    for (const { slot } of gone) window.leave(slot, "nothing");
    log.warn(
      { count: gone.length },
      "events or webhooks of deliveries are not there; their leases run out",
    );
  }

  function startOne({ delivery, slot, target, event }: Loaded, unfit: string | null): void {
    let shown: Shown = "nothing";
    const finished = send(options, { delivery, target, event, unfit })
      .then((settlement) => {
        shown = shownBy(settlement.attempt.reason);
        settler.add(settlement);
        options.attempted(settlement, target);
      })
      // Nothing was learned, so the lease is left to run out: after the fifth time it counts as a failed attempt.
      .catch((err: unknown) => log.error({ err, delivery: delivery.id }, "an attempt broke off"))
      .finally(() => {
        unfinished.delete(finished);
        window.leave(slot, shown);
        left();
      });
    unfinished.set(finished, delivery);
  }

  async function putOffBlocked(blocked: readonly (Claimed & { waitMs: number })[]): Promise<void> {
    for (const { slot } of blocked) window.leave(slot, "nothing");
    const deliveries = blocked.map(({ delivery, waitMs }) => ({ ...delivery, waitMs }));
    await putOff(pool, deliveries).catch((err: unknown) => warnOfLeases(err, deliveries.length));
  }

  // What has been started is not among them: its slot is left when it ends.
  async function giveBack(claimed: readonly Claimed[]): Promise<void> {
    for (const { slot } of claimed) window.leave(slot, "nothing");
    const deliveries = claimed.map(({ delivery }) => delivery);
    await releaseClaimed(pool, deliveries).catch((err: unknown) =>
      warnOfLeases(err, deliveries.length),
    );
    returned(deliveries);
  }

  function warnOfLeases(err: unknown, count: number): void {
    log[isDatabaseAbsent(err) ? "debug" : "warn"](
      { err, count },
      "claimed deliveries wait for their lease to run out",
    );
  }

  return {
    async start(deliveries, askedAt) {
      if (deliveries.length === 0) return;
      const claimed = deliveries.map((delivery) => ({
        delivery,
        slot: window.enter(delivery.webhook_id, delivery.proven),
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

// For the attempt that is none: the day of its event has been gone for five leases.
function goneEvent({ event_id: id, tenant }: ClaimedDelivery): EventToSend {
  const gone = { payload: null, schema_checked: true, traceparent: null };
  return { id, tenant, type: "", timestamp: new Date(0), ...gone };
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
