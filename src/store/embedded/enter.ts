// Gets into the server of a data folder as its owner or as a guest, and out again.
import type pg from "pg";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { codeOf } from "./error-code.ts";
import { enterAsGuest, isLast, takeOwnership } from "./ownership.ts";
import { findPostmaster, type Postmaster } from "./postmaster.ts";
import { ensureServer, type Place } from "./running-server.ts";
import { isPassing, openSession } from "./session.ts";
import { stopServer } from "./stop-server.ts";

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

/** Stops the server unless somebody else uses it, while `session` keeps them out; answers false where it can't be stopped. */
export async function leaveServer(session: pg.Client, clusterDir: string): Promise<boolean> {
  const last = await isLast(session).catch(() => false); // the session is lost: so is the server, or it restarts
  return !last || stopServer(clusterDir);
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

async function stopUnused(clusterDir: string): Promise<void> {
  const postmaster = await findPostmaster(clusterDir);
  if (postmaster === undefined) return;
  const session = await openSession(postmaster.socketDir).catch(() => undefined);
  if (session === undefined)
    await stopServer(clusterDir); // nobody else gets in either
  else await leaveServer(session, clusterDir).finally(() => session.end().catch(() => undefined));
}

function unreachable({ pid, socketDir }: Postmaster, clusterDir: string, cause: unknown) {
  const reason = (cause as Error).message;
  return new StartError(
    `PostgreSQL (pid ${pid}) runs on ${clusterDir}, and its socket in ${socketDir} can't be reached (${reason}): stop it with kill -INT ${pid} and start posthorn again`,
    { cause },
  );
}
