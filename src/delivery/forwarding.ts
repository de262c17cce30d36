// Runs the forwarder of one database: at once where something was published there, and each second besides.
import { SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { createAlarm } from "./alarm.ts";
import type { Forwarded } from "./forwarder.ts";

const EVERY_MS = 1 * SECOND; // for what no notice told of: it is as late as a delivery whose notice was lost

export type Forwarding = {
  /** Lets it look now. */
  wake(): void;
  /** Ends it; what is under way is done before. */
  stop(): Promise<void>;
};

/** Starts it. That the database is away is told by others; it goes on when it is back. */
export function startForwarding(run: () => Promise<Forwarded>, log: Log): Forwarding {
  const alarm = createAlarm();
  let isStopping = false;

  async function goOn(): Promise<void> {
    while (!isStopping) {
      const isMore = await run().then(
        (done) => done.isMore,
        (err: unknown) => {
          if (!isDatabaseAbsent(err)) log.error({ err }, "events can't be forwarded; trying on");
          return false;
        },
      );
      if (!isMore) await alarm.wait(EVERY_MS);
    }
  }

  const ended = goOn();
  return {
    wake: () => alarm.wake(),
    async stop() {
      isStopping = true;
      alarm.wake();
      await ended;
    },
  };
}
