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

/** Starts it. That the database is away is told by others, and what else keeps it from its work once; it goes on when it can. */
export function startForwarding(run: () => Promise<Forwarded>, log: Log): Forwarding {
  const alarm = createAlarm();
  let isStopping = false;
  let told = "";

  async function goOn(): Promise<void> {
    while (!isStopping) {
      const isMore = await run().then(
        (done) => {
          told = "";
          return done.isMore;
        },
        (err: unknown) => {
          const text = String(err);
          if (!isDatabaseAbsent(err) && text !== told)
            log.error({ err }, "events can't be forwarded; trying on");
          told = text;
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
