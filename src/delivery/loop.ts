// The delivery loop: claims what is due into the free slots, has it sent, and settles it in batches.
import { SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { ClaimedDelivery } from "../queue/claim.ts";
import type { Settlement } from "../queue/settle.ts";
import { createAlarm } from "./alarm.ts";
import { createClaiming } from "./claiming.ts";
import { createClaimSize } from "./claim-size.ts";
import { createLanes } from "./lanes.ts";
import { createRest } from "./rest.ts";
import type { RollCall } from "./roll-call.ts";
import { createSettler } from "./settler.ts";
import type { Slots } from "./slots.ts";
import { createStarter, type StarterOptions } from "./starter.ts";
import { createWindow, type WindowOptions } from "./window.ts";

const POLL_SHARE = 1 / 4; // of the time at most: where a claim is slow, one each 10 ms would keep the database busy
const REFILL_MS = 5; // between claims of a busy worker: one of fifty costs little more than one of one
const REFILL_AT_ONCE_MAX = 16; // with fewer in flight a slot is filled again after 1 ms
// Of all slots, taken by one claim while more is due: what a claim costs by itself is shared by many, and the other half
// keeps this process busy until it is back. With a quarter the database spent a tenth more a delivery; with all that was
// free, a busy worker stood still in between.
const REFILL_SHARE = 1 / 2;
const AWAY_MS = 500; // between tries while the database is away
const UNSETTLED_MAX = 2_000; // outcomes in memory; above it nothing new is claimed
const SETTLE_WITHIN_MS = 5 * SECOND; // after the drain, for what is not written yet

export type LoopOptions = StarterOptions &
  Omit<WindowOptions, "share"> & {
    /** The slots of the process, where it has a loop for each of several databases. */
    slots?: Slots | undefined;
    /** What others see this worker by; null where they don't. */
    roll: RollCall | null;
    /** Called with each claim and what it took, on its way to the database and back. */
    claimed: (deliveries: readonly ClaimedDelivery[], tookMs: number) => void;
    /** Called with attempts that are written down, and what that took. */
    settled: (settlements: readonly Settlement[], tookMs: number) => void;
  };

export type Loop = {
  /** Says that something has become due. */
  wake(): void;
  /** Says that a publisher has notified this worker: there may be more soon. */
  notified(): void;
  /** How many requests are under way. */
  readonly inFlight: number;
  /** How many outcomes are kept in memory, for they can't be written down yet. */
  readonly unwritten: number;
  /** Stops claiming, lets what is in flight finish for up to 30 s, gives back the rest, and writes all down. */
  stop(): Promise<void>;
};

/** Starts delivering. While the database is away the loop waits, and goes on by itself. */
export function startLoop(options: LoopOptions): Loop {
  const { pool, log, monotonic, targets } = options;
  const alarm = createAlarm();
  const room = createAlarm();
  const most = Math.max(REFILL_AT_ONCE_MAX, Math.ceil(options.concurrency * REFILL_SHARE));
  const claimSize = createClaimSize(most);
  const share = options.slots?.share(left);
  const window = createWindow({ ...options, share });
  const { installation } = options;
  const claiming = createClaiming(pool, monotonic, { holder: options.roll?.holder, installation });
  const rest = createRest(options.roll, monotonic);
  const lanes = createLanes({ pool, monotonic, ready: () => alarm.wake(), log });
  const settler = createSettler({ pool, log, monotonic }, (settlements, tookMs) => {
    lanes.settled(settlements);
    options.settled(settlements, tookMs);
  });
  const starter = createStarter(options, {
    window,
    settler,
    left,
    started,
    returned: (deliveries) => claiming.returned(deliveries),
  });
  const starting = new Set<Promise<void>>();
  let claimedAt = -Infinity;
  let isAway = false;
  let isStarved = false;
  let isStopping = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      try {
        const hasMore = await fill();
        if (!hasMore) await idle();
        await letGather(hasMore);
      } catch (err) {
        away(err);
      }
      if (isAway) await alarm.wait(AWAY_MS);
    }
  }

  function away(err: unknown): void {
    targets.forget();
    if (!isAway)
      log[isDatabaseAbsent(err) ? "debug" : "warn"](
        { err },
        "nothing can be claimed now; trying on",
      );
    isAway = true;
  }

  function back(): void {
    if (isAway) log.debug("claiming again");
    isAway = false;
  }

  // A worker that is starved takes less at once: what it can't start another could send.
  function started(isLate: boolean): void {
    claimSize.started(isLate);
    if (isLate && !isStarved)
      log.warn(
        "the database or this machine is too slow: a second has passed before what was claimed could start, so webhooks are looked at again, and less is claimed at once",
      );
    isStarved = isLate;
  }

  function left(): void {
    if (window.isContended) alarm.wake();
    if (hasRoom()) room.wake();
  }

  // Until something is due or a slot is free again.
  async function idle(): Promise<void> {
    const pollMs = await rest.pauseMs();
    await alarm.wait(Math.min(Math.max(pollMs, claiming.tookMs / POLL_SHARE), SECOND));
  }

  // Until others have become due, or, where more is due, until a claim's share of the slots is free.
  async function letGather(hasMore: boolean): Promise<void> {
    for (;;) {
      const apartMs = window.size > REFILL_AT_ONCE_MAX ? REFILL_MS : 1;
      const earlyMs = claimedAt + apartMs - monotonic();
      if (earlyMs <= 0 || isStopping || (hasMore && hasRoom())) return;
      await room.wait(earlyMs);
    }
  }

  function hasRoom(): boolean {
    return window.size > REFILL_AT_ONCE_MAX && options.concurrency - window.size >= claimSize.now;
  }

  // Claims into the free slots. Answers whether there may be more to claim at once.
  async function fill(): Promise<boolean> {
    const turn = claiming.turn();
    const limits = window.limits(turn.after);
    if (limits.limit === 0) share?.wants();
    if (limits.limit === 0 || settler.isBehind || settler.pending > UNSETTLED_MAX) return false;
    const askedAt = monotonic();
    const limit = Math.min(limits.limit, claimSize.now);
    const claim = await claiming.claim({ ...limits, limit }, turn);
    if (claim.deliveries.length >= limit) share?.wants();
    claimedAt = monotonic();
    options.clock.set(claim.clock, askedAt);
    options.claimed(claim.deliveries, claimedAt - askedAt);
    if (claim.deliveries.length > 0) startSoon(claim.deliveries, askedAt);
    else back();
    await lanes.misplaced(claim.misplaced);
    const hasAdvanced = claim.hasQueued && (await lanes.look()) > 0;
    return claim.goesOn || hasAdvanced;
  }

  // Not waited for: the next claim's way to the database and back is the time in which these are read and started. There
  // is no more of it than the window has slots.
  function startSoon(deliveries: readonly ClaimedDelivery[], askedAt: number): void {
    rest.stir();
    const started = starter
      .start(deliveries, askedAt)
      .then(back, away)
      .finally(() => starting.delete(started));
    starting.add(started);
  }

  const running = run();
  return {
    wake: () => alarm.wake(),
    notified() {
      rest.stir();
      alarm.wake();
    },
    get inFlight() {
      return window.size;
    },
    get unwritten() {
      return settler.pending;
    },
    async stop() {
      isStopping = true;
      alarm.wake();
      room.wake();
      await running;
      await Promise.all(starting);
      await starter.drain();
      await settler.drain(AbortSignal.timeout(SETTLE_WITHIN_MS));
    },
  };
}
