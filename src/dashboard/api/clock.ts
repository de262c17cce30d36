// The time by the service's clock, which every time on the page goes by: the browser's may be wrong by minutes.
import { useSyncExternalStore } from "react";

const TICK_MS = 1_000;

let aheadMs = 0;

/** The time now, by the service's clock. */
export function now(): number {
  return Date.now() + aheadMs;
}

/** The time by the browser's own clock, for how long something took here. */
export function localNow(): number {
  return Date.now();
}

/** Learns what the service's clock showed half-way between asking and being answered. */
export function setClock(serverTime: string, askedAt: number): void {
  aheadMs = Date.parse(serverTime) - (askedAt + Date.now()) / 2;
}

const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
let ticked = 0;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    ticked = now();
    for (const each of listeners) each();
  }, TICK_MS);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time now, anew each second. */
export function useNow(): number {
  return Math.max(
    useSyncExternalStore(subscribe, () => ticked),
    now(),
  );
}
