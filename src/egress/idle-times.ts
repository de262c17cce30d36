// How long a socket may be idle before it is used again: as long as its receiver surely keeps it.
import type { MonotonicClock } from "../kernel/clock.ts";
import { HOUR, MINUTE, SECOND } from "../kernel/duration.ts";

const UNKNOWN_MS = 4 * SECOND; // where nothing is known: node and Apache close after 5 s
const IDLE_MS_MAX = MINUTE; // more would hold sockets that are hardly ever used again
const MARGIN_MS = SECOND; // before a receiver closes, for the way there
const ORIGINS_MAX = 50_000; // about 10 MB: several times as many as connections that are kept

// A close is remembered for long, since finding out anew costs a request that meets it. Not one that came sooner than any
// idle time does: that receiver was started anew, or broke, and all that it gets would need a new socket each.
const CLOSE_REMEMBERED_MS = HOUR;
const EARLY_CLOSE_REMEMBERED_MS = MINUTE;

export type IdleTimes = {
  /** How long a socket may be idle; 0 where it may not be used again. */
  limitMs(origin: string, announcedMs: number | null): number;
  /** Told that the receiver closed a socket that had been idle for so long. */
  closed(origin: string, idledMs: number): void;
  /** Told that it left one open that had been idle for its limit. */
  keptOpen(origin: string, limitMs: number): void;
};

type Known = { closesMs: number; idleMs: number; until: number };

/** Remembers what is seen of each receiver, so that few requests meet a socket that is being closed. */
export function createIdleTimes(clock: MonotonicClock): IdleTimes {
  const origins = new Map<string, Known>(); // the one learned of longest ago first

  function find(origin: string): Known | undefined {
    const known = origins.get(origin);
    if (known && clock() < known.until) return known;
    origins.delete(origin);
    return undefined;
  }
  function learn(origin: string, known: Known): void {
    origins.delete(origin);
    origins.set(origin, known);
    const [oldest] = origins.keys();
    if (origins.size > ORIGINS_MAX && oldest !== undefined) origins.delete(oldest);
  }

  return {
    limitMs(origin, announcedMs) {
      const known = find(origin);
      const closesMs = Math.min(announcedMs ?? Infinity, known?.closesMs ?? Infinity);
      if (closesMs === Infinity) return known?.idleMs ?? UNKNOWN_MS;
      return Math.max(0, Math.min(closesMs - MARGIN_MS, IDLE_MS_MAX));
    },
    closed(origin, idledMs) {
      const closesMs = Math.min(idledMs, find(origin)?.closesMs ?? Infinity);
      const forMs = closesMs < MARGIN_MS ? EARLY_CLOSE_REMEMBERED_MS : CLOSE_REMEMBERED_MS;
      learn(origin, { closesMs, idleMs: UNKNOWN_MS, until: clock() + forMs });
    },
    keptOpen(origin, limitMs) {
      if ((find(origin)?.closesMs ?? Infinity) < Infinity) return;
      const idleMs = Math.min(2 * limitMs, IDLE_MS_MAX);
      learn(origin, { closesMs: Infinity, idleMs, until: Infinity });
    },
  };
}

/** What a receiver promises in `Keep-Alive: timeout=5`, or null where it does not. */
export function announcedMs(header: string | string[] | undefined): number | null {
  const seconds = /timeout\s*=\s*"?(\d+)/i.exec(String(header))?.[1];
  return seconds === undefined ? null : Number(seconds) * SECOND;
}
