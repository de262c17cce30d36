// A wait that can be cut short: what wakes the loop. A wake-up while nobody waits is remembered, many are one.

export type Alarm = {
  /** Resolves after `ms`, or at a wake-up if that is sooner; at once if there was one since the last wait. */
  wait(ms: number): Promise<void>;
  wake(): void;
};

export function createAlarm(): Alarm {
  let rung = false;
  let ring: (() => void) | undefined;
  return {
    wait(ms) {
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          ring = undefined;
          rung = false;
          resolve();
        };
        const timer = setTimeout(done, rung ? 0 : ms);
        ring = done;
      });
    },
    wake() {
      rung = true;
      ring?.();
    },
  };
}
