// Keeps the owner's session: when the database restarts, the lock is taken again.
import type pg from "pg";

import { sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import type { Log } from "../../kernel/log.ts";
import { tryOwnership } from "./ownership.ts";

const RETRY_MS = 1 * SECOND;

/**
 * Watches `session` and replaces it when it is lost, until `stopping` aborts. Never throws; answers the session that
 * it holds then, so that the lock outlives the server.
 */
export async function keepOwnership(
  session: pg.Client,
  options: { open: () => Promise<pg.Client>; stopping: AbortSignal; log: Log },
): Promise<pg.Client | undefined> {
  const { open, stopping, log } = options;
  let held: pg.Client | undefined = session;
  while (!stopping.aborted) {
    if (held !== undefined) {
      if (await endedBy(held, stopping)) break;
      log.warn("the connection that holds the data folder was lost");
      held = undefined;
    }
    held = await retake(open, log);
    if (held === undefined) await sleep(RETRY_MS, stopping);
  }
  return held;
}

async function retake(open: () => Promise<pg.Client>, log: Log): Promise<pg.Client | undefined> {
  let session: pg.Client | undefined;
  try {
    session = await open();
    if (await tryOwnership(session)) {
      log.info("the data folder is held again");
      return session;
    }
    log.error("another posthorn has taken the data folder: stop one of the two");
  } catch (err) {
    log.warn({ err }, "the embedded database can't be reached");
  }
  await session?.end().catch(() => undefined);
  return undefined;
}

/** Answers true when we stop, false when the session ends by itself. */
function endedBy(session: pg.Client, stopping: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    session.once("end", () => resolve(false));
    stopping.addEventListener("abort", () => resolve(true), { once: true });
  });
}
