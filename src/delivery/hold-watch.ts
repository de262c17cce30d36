// Says once that nothing is sent as a whole, and once that something is again.
import type { Log } from "../kernel/log.ts";
import type { Hold } from "../queue/sending.ts";

/** Creates what looks whether this process may send, and tells the log where that has changed; it answers whether it may not. */
export function createHoldWatch(
  read: () => Promise<Hold | null>,
  log: Log,
): () => Promise<boolean> {
  let said: Hold["reason"] | null = null;
  return async () => {
    const hold = await read();
    const reason = hold?.reason ?? null;
    if (reason !== said)
      if (hold) log.warn({ hold: reason }, wordsOf(hold));
      else log.info("sending again: nothing holds deliveries as a whole any more");
    said = reason;
    return reason !== null;
  };
}

function wordsOf({ reason, remembered, here }: Hold): string {
  return reason === "paused"
    ? "all sending is paused: deliveries are made and held; posthorn resume-all ends it"
    : `this is the database of installation ${remembered}, and here is ${here}: nothing is sent, deliveries are made and held. If it is a copy, leave it so; if it has moved here, posthorn resume-all --adopt goes on`;
}
