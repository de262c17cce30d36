// What one worker has in flight, and how much more each webhook may have: slow at first, and one at a time where a
// receiver has shown nothing yet or gives no answer.
import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Share } from "./slots.ts";

const FIRST_SLOTS = 2; // of a proven webhook that this worker knows nothing of; each success that was waited for adds one
const UNUSED = 1 / 8; // of a slot, taken back by each success while less than half of them were in use: some need many for a while
// However many of those with many slots begin to hang at once, an eighth of all is left for others: past this share nobody
// gets more than the first slots. A receiver that answers needs few of them.
const MANY_SHARE = 7 / 8;
const TIGHT_SHARE = 1 / 8; // with less than this below it, such a claim would be small, and the other kind is made
const PROBATION_SHARE = 1 / 4; // of all slots, for webhooks that are not proven, together
const SILENT_MS = 1 * SECOND; // without an answer: most receivers take far less, and more would only hang as well
const REMEMBERED_MAX = 1_000; // webhooks without a request; one forgotten begins again with two slots
const REMEMBERED_MS = 30 * SECOND; // a receiver may have changed by then

/** What a request has shown of its receiver; `nothing` where none was sent. */
export type Shown = "success" | "failure" | "unreachable" | "silence" | "nothing";

/** What an attempt's failure has shown, null being a success. */
export function shownBy(reason: string | null): Shown {
  if (reason === null) return "success";
  if (reason === "timeout" || reason === "dns") return "silence";
  if (reason === "connect" || reason === "tls") return "unreachable";
  return reason === "status" || reason === "redirect" ? "failure" : "nothing";
}

/** One delivery's slot. */
export type Slot = { webhookId: number; enteredAt: number; host: string | null };

export type Window = {
  readonly size: number;
  /** Whether a webhook has used up its slots, so that one that is left may be waited for. */
  readonly isContended: boolean;
  /** What a claim may take now that looks at the webhooks behind `after`: it is told of those alone. */
  limits(after?: number): {
    limit: number;
    /** Of the webhooks that have others than those not known: where they are proven, and where the database says that they are not. */
    slots: Record<string, [proven: number, unproven: number]>;
    otherSlots: { proven: number; unproven: number };
    unprovenMax: number;
  };
  enter(webhookId: number, isProven: boolean): Slot;
  /** Names the host that a slot's request goes to. False where that host has no slot left: then leave. */
  reach(slot: Slot, host: string): boolean;
  leave(slot: Slot, shown: Shown): void;
  /** Takes nothing of a webhook for so long: others may be able to send to it. */
  backOff(webhookId: number, forMs: number): void;
};

export type WindowOptions = {
  concurrency: number;
  perWebhook: number;
  /** 0: no limit. */
  perHost: number;
  monotonic: MonotonicClock;
  /** What of the process's slots may be used, where other loops have of them too. */
  share?: Share | undefined;
};

type Known = {
  inFlight: Set<Slot>; // the oldest first
  isUsedUp: boolean; // all its slots have been in use since it last had none in flight, so that more may wait behind them
  allowed: number;
  isProven: boolean;
  host: string | null;
  usedAt: number;
  restsUntil: number;
};

const unprovenOf = (slots: number) => Math.max(1, Math.floor(slots * PROBATION_SHARE));

export function createWindow(options: WindowOptions): Window {
  const { perWebhook, perHost, monotonic, share } = options;
  const known = new Map<number, Known>(); // the one unused for longest first
  const byHost = new Map<string, number>();
  let concurrency = options.concurrency;
  let unprovenMax = unprovenOf(concurrency);
  let size = 0;
  let onProbation = 0; // slots of webhooks that are not proven
  let isContended = false;

  const isHostFull = (host: string | null) =>
    perHost > 0 && host !== null && (byHost.get(host) ?? 0) >= perHost;

  // What may go to webhooks with many slots; null where nobody gets more than the first.
  function roomForMany(): number | null {
    const room = Math.floor(concurrency * MANY_SHARE) - size;
    return room < concurrency * TIGHT_SHARE ? null : room;
  }

  function slotsOf(webhook: Known, now: number, isTight: boolean): number {
    if (isHostFull(webhook.host) || now < webhook.restsUntil) return 0;
    const [oldest] = webhook.inFlight;
    if (oldest && now - oldest.enteredAt > SILENT_MS) return 0;
    const most = isTight ? FIRST_SLOTS : perWebhook;
    const allowed = webhook.isProven ? Math.floor(webhook.allowed) : 1;
    return Math.max(0, Math.min(allowed, most, perWebhook) - webhook.inFlight.size);
  }

  // A webhook that has answered badly or not at all has to show that it is back before it gets more.
  function learn(webhook: Known, shown: Shown, wasFull: boolean): void {
    if (shown === "success") {
      if (!webhook.isProven) prove(webhook, true);
      else if (wasFull) webhook.allowed = Math.min(perWebhook, webhook.allowed + 1);
      else if (webhook.inFlight.size < webhook.allowed / 2)
        webhook.allowed = Math.max(FIRST_SLOTS, webhook.allowed - UNUSED);
    } else if (shown === "failure") {
      webhook.allowed = Math.max(1, Math.floor(webhook.allowed / 2));
    } else if (shown === "unreachable" || shown === "silence") {
      webhook.allowed = 1;
      if (shown === "silence" && webhook.isProven) prove(webhook, false);
    }
  }

  function prove(webhook: Known, isProven: boolean): void {
    webhook.isProven = isProven;
    webhook.allowed = isProven ? FIRST_SLOTS : 1;
    onProbation += isProven ? -webhook.inFlight.size : webhook.inFlight.size;
  }

  function forget(now: number): void {
    for (const [id, webhook] of known) {
      if (webhook.inFlight.size > 0) continue;
      const isRecent = now - webhook.usedAt < REMEMBERED_MS || now < webhook.restsUntil;
      if (known.size <= REMEMBERED_MAX && isRecent) break;
      known.delete(id);
    }
  }

  return {
    get size() {
      return size;
    },
    get isContended() {
      return isContended;
    },
    limits(after = 0) {
      const now = monotonic();
      forget(now);
      if (share) concurrency = share.most();
      unprovenMax = unprovenOf(concurrency);
      const room = roomForMany();
      // So many have something to send that a round takes long: each begins with one, so that all have their first soon.
      const isCrowded = known.size >= REMEMBERED_MAX;
      const otherSlots = { proven: isCrowded ? 1 : Math.min(FIRST_SLOTS, perWebhook), unproven: 1 };
      const slots: Record<string, [number, number]> = {};
      let unprovenLeft = Math.max(0, unprovenMax - onProbation);
      isContended = size >= concurrency;
      for (const [id, webhook] of known) {
        const free = slotsOf(webhook, now, room === null);
        const given = webhook.isProven ? free : Math.min(free, unprovenLeft);
        if (!webhook.isProven) unprovenLeft -= given;
        if (given === 0 && now >= webhook.restsUntil) isContended = true;
        // The second is not dealt out here: the claim keeps to what they share, and only among those with something to send.
        const isAlone = webhook.inFlight.size === 0 && free > 0 && unprovenMax > onProbation;
        if (id > after && (given !== otherSlots.proven || !isAlone))
          slots[id] = [given, isAlone ? 1 : 0];
      }
      return {
        limit: Math.max(0, room ?? concurrency - size),
        slots,
        otherSlots,
        unprovenMax: Math.max(0, unprovenMax - onProbation),
      };
    },
    enter(webhookId, isProven) {
      const now = monotonic();
      const webhook = known.get(webhookId) ?? {
        inFlight: new Set(),
        isUsedUp: false,
        allowed: isProven ? FIRST_SLOTS : 1,
        isProven,
        host: null,
        usedAt: now,
        restsUntil: -Infinity,
      };
      // Another worker, or the end of a hold, may have taken the proof away, or given it.
      if (webhook.isProven !== isProven) prove(webhook, isProven);
      const slot: Slot = { webhookId, enteredAt: now, host: null };
      webhook.inFlight.add(slot);
      webhook.usedAt = now;
      known.delete(webhookId);
      known.set(webhookId, webhook);
      size += 1;
      share?.uses(size);
      if (!webhook.isProven) onProbation += 1;
      return slot;
    },
    reach(slot, host) {
      const webhook = known.get(slot.webhookId);
      if (webhook) webhook.host = host;
      if (isHostFull(host)) return false;
      slot.host = host;
      byHost.set(host, (byHost.get(host) ?? 0) + 1);
      return true;
    },
    leave(slot, shown) {
      const webhook = known.get(slot.webhookId);
      if (!webhook?.inFlight.has(slot)) return;
      const wasFull = webhook.inFlight.size >= Math.min(perWebhook, Math.floor(webhook.allowed));
      webhook.inFlight.delete(slot);
      size -= 1;
      share?.uses(size);
      webhook.isUsedUp ||= wasFull && webhook.isProven; // on probation one goes after the other, and the next poll does
      if (webhook.isUsedUp && webhook.inFlight.size === 0) {
        webhook.isUsedUp = false;
        isContended = true;
      }
      if (!webhook.isProven) onProbation -= 1;
      if (slot.host !== null) {
        const left = (byHost.get(slot.host) ?? 1) - 1;
        if (left === 0) byHost.delete(slot.host);
        else byHost.set(slot.host, left);
      }
      learn(webhook, shown, wasFull);
    },
    backOff(webhookId, forMs) {
      const webhook = known.get(webhookId);
      if (webhook) webhook.restsUntil = monotonic() + forMs;
    },
  };
}
