// Keeps the owner's session: when the database restarts, or has to be started again, the lock is taken again.
import type pg from "pg";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { MINUTE, SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import type { Log } from "../../kernel/log.ts";
import { tryOwnership } from "./ownership.ts";

const RETRY_MS = 1 * SECOND;
const RESTARTS_MAX = 3; // within ten minutes: a server that ends again and again is not mended by starting it
const RESTARTS_WITHIN_MS = 10 * MINUTE;

/**
 * Connects anew; a server that has ended is started first, and `started` called with each start. Throws a StartError where it
 * can't be.
 */
export type Reopen = (signal: AbortSignal, started: () => void) => Promise<pg.Client>;

/**
 * Watches `session` and replaces it when it is lost, until `stopping` aborts; answers the session that it holds then, so
 * that the lock outlives the server. Throws a StartError where the server has ended and can't be started again.
 */
export async function keepOwnership(
  session: pg.Client,
  options: { reopen: Reopen; stopping: AbortSignal; log: Log },
): Promise<pg.Client | undefined> {
  const { stopping, log } = options;
  const told = tellOnce(log);
  const restarts = countRestarts();
  let held: pg.Client | undefined = session;
  while (!stopping.aborted) {
    if (held !== undefined) {
      if (await endedBy(held, stopping)) break;
      told("the connection that holds the data folder was lost");
      held = undefined;
    }
    held = await retake(options, restarts, told);
    if (held === undefined) await sleep(RETRY_MS, stopping);
    else told("the data folder is held again");
  }
  return held;
}

async function retake(
  { reopen, stopping }: { reopen: Reopen; stopping: AbortSignal },
  restarted: () => void,
  told: (text: string, err?: unknown) => void,
): Promise<pg.Client | undefined> {
  let session: pg.Client | undefined;
  try {
    session = await reopen(stopping, restarted);
    if (await tryOwnership(session)) return session;
    told("another posthorn has taken the data folder: stop one of the two");
  } catch (error) {
    if (error instanceof StartError && !stopping.aborted) throw error;
    if (!stopping.aborted) told("the embedded database can't be reached", error);
  }
  await session?.end().catch(() => undefined);
  return undefined;
}

// Throws at one restart too many.
function countRestarts(): () => void {
  let at: number[] = [];
  return () => {
    at = [...at.filter((each) => monotonic() - each < RESTARTS_WITHIN_MS), monotonic()];
    if (at.length > RESTARTS_MAX)
      throw new StartError(
        `the embedded PostgreSQL ended ${at.length} times within ten minutes: postgres.log in the data folder says why`,
      );
  };
}

// A line for each change of the state, none for each try.
function tellOnce(log: Log): (text: string, err?: unknown) => void {
  let last = "";
  return (text, err) => {
    if (text !== last) log.warn({ ...(err !== undefined && { err }) }, text);
    last = text;
  };
}

/** Answers true when we stop, false when the session ends by itself. */
function endedBy(session: pg.Client, stopping: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    session.once("end", () => resolve(false));
    stopping.addEventListener("abort", () => resolve(true), { once: true });
  });
}
