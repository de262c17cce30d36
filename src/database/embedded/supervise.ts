// Keeps a service's session: where it is lost, or the server itself, the server is started again and the lock taken again.
import type pg from "pg";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { MINUTE, SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";

const RETRY_MS = 1 * SECOND;
const RESTARTS_MAX = 3; // within ten minutes: a server that ends again and again is not mended by starting it
const RESTARTS_WITHIN_MS = 10 * MINUTE;

/**
 * Watches `session` and replaces it by `reenter` when it is lost, until `stopping` aborts; answers the one that is held then.
 * Throws a StartError where the server has ended and can't be started again, or is another's now.
 */
export async function supervise(
  session: pg.Client,
  reenter: (started: () => void) => Promise<pg.Client>,
  { stopping, log }: { stopping: AbortSignal; log: Log },
): Promise<pg.Client | undefined> {
  const restarted = countRestarts(log);
  let held: pg.Client | undefined = session;
  while (!stopping.aborted) {
    if (held !== undefined && (await isHeldUntil(stopping, held))) break;
    if (held !== undefined) log.warn("the connection that holds the data folder was lost");
    held = await reenter(restarted).catch((error: unknown) => {
      if (stopping.aborted) return undefined;
      if (error instanceof StartError) throw error;
      log.warn({ err: error }, "the embedded database can't be reached");
      return undefined;
    });
    if (held === undefined) await sleep(RETRY_MS, stopping);
    else log.warn("the data folder is held again");
  }
  return held;
}

function isHeldUntil(stopping: AbortSignal, session: pg.Client): Promise<boolean> {
  return new Promise((resolve) => {
    session.once("end", () => resolve(false));
    stopping.addEventListener("abort", () => resolve(true), { once: true });
  });
}

// Throws at one restart too many.
function countRestarts(log: Log): () => void {
  let at: number[] = [];
  return () => {
    log.warn("the embedded PostgreSQL had ended, and was started again");
    at = [...at.filter((each) => monotonic() - each < RESTARTS_WITHIN_MS), monotonic()];
    if (at.length > RESTARTS_MAX)
      throw new StartError(
        `the embedded PostgreSQL ended ${at.length} times within ten minutes: postgres.log in the data folder says why`,
      );
  };
}
