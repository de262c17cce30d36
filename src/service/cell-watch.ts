// Which cells can be worked with now: asked every few seconds, so that whoever wants to know waits for none of them.
import { createAlarm } from "../delivery/alarm.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Cell } from "./cell.ts";

const LOOK_EVERY_MS = 5 * SECOND; // for a cell that was away at the start, for one that goes, and for what a copy lacks

export type CellWatch = {
  /** Whether each could be worked with when it was last asked; one that is not opened yet can't. */
  up(): Readonly<Record<string, boolean>>;
  /** Asks all of them, side by side: two seconds at most. */
  look(): Promise<void>;
};

/** Creates it, of the cells of these names; `opened` answers those that there are. */
export function createCellWatch(
  names: readonly string[],
  opened: (name: string) => Pick<Cell, "pools"> | undefined,
): CellWatch {
  const up = new Map(names.map((name) => [name, false]));
  return {
    up: () => Object.fromEntries(up),
    async look() {
      await Promise.all(
        names.map(async (name) => {
          const pools = opened(name)?.pools;
          if (!pools) return;
          const fault = await pools.fault();
          up.set(name, fault === null);
          // Where nobody else asks: an API without a call says it all the same.
          if (fault) pools.presence.failed(fault.cause ?? new Error(fault.reason));
          else pools.presence.answered();
        }),
      );
    },
  };
}

/** Does it every few seconds, one time after the other; answers how to end that. */
export function keepDoing(work: () => Promise<unknown>): () => Promise<void> {
  const alarm = createAlarm();
  let isOver = false;
  async function goOn(): Promise<void> {
    for (;;) {
      await alarm.wait(LOOK_EVERY_MS);
      if (isOver) return;
      await work();
    }
  }
  const ended = goOn();
  return async () => {
    isOver = true;
    alarm.wake();
    await ended;
  };
}
