// Messages that have come and wait to be taken. Bounded by what a broker gives before some are done.
import type { Arrivals, Message } from "./broker.ts";

/** Where messages arrive, and are taken from. */
export type Queue = Arrivals & {
  /**
   * Waits for messages, and takes so many of them: at least one, whatever its size. None where the signal aborts. Throws what the
   * connection broke with: what had come then, comes again.
   */
  take(max: { count: number; bytes: number }, signal: AbortSignal): Promise<Message[]>;
};

export function createArrivals(): Queue {
  const waiting: Message[] = [];
  let broken: Error | undefined;
  let wake = () => {};

  return {
    add(message) {
      waiting.push(message);
      wake();
    },
    end(reason) {
      broken ??= reason;
      wake();
    },
    async take(max, signal) {
      while (waiting.length === 0 && !broken && !signal.aborted)
        await new Promise<void>((resolve) => {
          const stop = () => wake();
          signal.addEventListener("abort", stop, { once: true });
          wake = () => {
            signal.removeEventListener("abort", stop);
            resolve();
          };
        });
      if (signal.aborted) return [];
      if (broken) throw broken;
      let bytes = 0;
      const over = waiting.findIndex(({ body }) => (bytes += body.length) > max.bytes);
      const count = over === -1 ? waiting.length : Math.max(over, 1);
      return waiting.splice(0, Math.min(count, max.count));
    },
  };
}
