// Messages that have come and wait to be taken. Bounded by what a broker gives before some are done.
import type { Arrivals, Message } from "./broker.ts";

/** Where messages arrive, and are taken from. */
export type Queue = Arrivals & {
  /**
   * Waits for messages, and takes so many of them: at least one, whatever its size. None where the signal aborts. Throws what the
   * connection broke with: what had come then, comes again.
   */
  take(max: { count: number; bytes: number }, signal: AbortSignal): Promise<Message[]>;
  /** The same promise, which the end of the connection rejects: a client may leave open for ever what it was asked then. */
  unlessBroken<T>(work: Promise<T>): Promise<T>;
};

export function createArrivals(): Queue {
  const arrived: Message[] = [];
  const waiting = new Set<(reason: Error) => void>();
  let broken: Error | undefined;
  let wake = () => {};

  function unlessBroken<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (broken) reject(broken);
      else waiting.add(reject);
      void work.then(resolve, reject).finally(() => waiting.delete(reject));
    });
  }

  return {
    add(message) {
      arrived.push(message);
      wake();
    },
    end(reason) {
      broken ??= reason;
      for (const reject of waiting) reject(broken);
      wake();
    },
    unlessBroken,
    async take(max, signal) {
      while (arrived.length === 0 && !broken && !signal.aborted)
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
      const over = arrived.findIndex(({ body }) => (bytes += body.length) > max.bytes);
      const count = over === -1 ? arrived.length : Math.max(over, 1);
      return arrived.splice(0, Math.min(count, max.count));
    },
  };
}
