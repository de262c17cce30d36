// Gets into the server of a data folder as its owner or as a guest, and out again.
import type pg from "pg";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { codeOf } from "./error-code.ts";
import { enterAsGuest, takeOwnership } from "./ownership.ts";
import type { Place } from "./place.ts";
import type { Postmaster } from "./postmaster.ts";
import { ensureServer } from "./running-server.ts";
import { isPassing, openSession } from "./session.ts";
import { stopUnused } from "./stop-unused.ts";

const POLL_MS = 20;
const SOCKET_GONE_MS_MAX = 3 * SECOND; // a server that stops removes its socket first, and is gone soon after

export type Entered = { session: pg.Client; socketDir: string; launched: boolean };

/** Answers a session that holds its lock in a server that runs; a server that stops under us is started again. */
export async function enterServer(
  place: Place,
  share: boolean,
  signal: AbortSignal,
): Promise<Entered> {
  let launchedPid: number | undefined;
  let enterBy = place.readyBy;
  try {
    for (;;) {
      const { postmaster, launched } = await ensureServer(place, signal);
      if (launched) launchedPid = postmaster.pid;
      const session = await tryToEnter(postmaster, place, share).catch((error: unknown) => {
        if (!isPassing(error)) throw error;
        const noSocket = codeOf(error) === "ENOENT";
        if (noSocket) enterBy = Math.min(enterBy, monotonic() + SOCKET_GONE_MS_MAX);
        if (monotonic() > enterBy) throw unreachable(postmaster, place.clusterDir, error);
      });
      if (session && !signal.aborted)
        return {
          session,
          socketDir: postmaster.socketDir,
          launched: launchedPid === postmaster.pid,
        };
      await session?.end();
      await sleep(POLL_MS, signal);
    }
  } catch (error) {
    if (launchedPid !== undefined) await stopUnused(place.clusterDir);
    throw error;
  }
}

async function tryToEnter(
  { socketDir }: Postmaster,
  place: Place,
  share: boolean,
): Promise<pg.Client> {
  const session = await openSession(socketDir);
  try {
    if (share) await enterAsGuest(session);
    else await takeOwnership(session, place.dataDir);
    return session;
  } catch (error) {
    await session.end().catch(() => undefined);
    throw error;
  }
}

function unreachable({ pid, socketDir }: Postmaster, clusterDir: string, cause: unknown) {
  const reason = (cause as Error).message;
  return new StartError(
    `PostgreSQL (pid ${pid}) runs on ${clusterDir}, and its socket in ${socketDir} can't be reached (${reason}): stop it with kill -INT ${pid} and start posthorn again`,
    { cause },
  );
}
