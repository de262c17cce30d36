// What another machine's clock shows, told by what it has answered. Answers come late; this is how late at most.
import type { MonotonicClock } from "./clock.ts";

export type RemoteClock = {
  /** Takes that the other clock showed `timeMs`, at some moment between the question and the answer. */
  heard(timeMs: number, askedAt: number, answeredAt: number): void;
  /** What it shows now, in microseconds: never before what it has shown, and no number twice. Undefined until it was heard. */
  nowUs(): number | undefined;
  /** Forgets what was heard: the other clock was set, or is another machine's now. */
  forget(): void;
};

/** Creates the estimate. Of the times that the last answers allow it is the latest, so that nothing seems to come before its cause. */
export function createRemoteClock(monotonic: MonotonicClock): RemoteClock {
  let offsetMs: number | undefined;
  let lastUs = 0;
  return {
    heard(timeMs, askedAt, answeredAt) {
      const isFitting =
        offsetMs !== undefined && offsetMs >= timeMs - answeredAt && offsetMs <= timeMs - askedAt;
      if (!isFitting) offsetMs = timeMs - askedAt;
    },
    nowUs() {
      if (offsetMs === undefined) return undefined;
      lastUs = Math.max(lastUs + 1, Math.floor((monotonic() + offsetMs) * 1000));
      return lastUs;
    },
    forget() {
      offsetMs = undefined;
      lastUs = 0;
    },
  };
}
