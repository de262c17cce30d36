// The embedded database: a PostgreSQL of our own in the data folder, for whoever brings none.
import { monotonic } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { enterServer } from "./embedded/enter.ts";
import { interruptible } from "./embedded/interrupt.ts";
import { leaveAsGuest, ownUntilStopped } from "./embedded/leave.ts";
import { preparePlace, type Place } from "./embedded/place.ts";
import type { Reopen } from "./embedded/keep-ownership.ts";
import { ensureServer } from "./embedded/running-server.ts";
import { openSession, serverMajor, socketUrl } from "./embedded/session.ts";

/** A running database. `version` is PostgreSQL's major one, `adopted` tells that it was running already. */
export type EmbeddedDatabase = {
  url: string;
  version: number;
  adopted: boolean;
  /** Resolves where the server has ended, and can't be started again; null for a guest. */
  lost: Promise<Error> | null;
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  dataDir: string;
  /** False switches fsync and its like off: for tests. */
  durable?: boolean;
  /** Joins a service's database beside it, or starts one for as long as this takes; else a second one is refused. */
  share?: boolean;
  /** The folder of the PostgreSQL programs to run, in place of those that would be found. */
  binDir?: string;
  log: Log;
};

const READY_MS_MAX = 1 * MINUTE; // mostly a replay of the log after a crash

/**
 * Starts PostgreSQL on the data folder, or adopts the one that a killed service left running there.
 * What stands in the way is a StartError of one line. The server outlives us unless `stop()` is called.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedDatabase> {
  try {
    return await interruptible((signal) => start(options, signal));
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = (error as Error).message.split("\n")[0];
    throw new StartError(`the database in ${options.dataDir} can't start: ${reason}`, {
      cause: error,
    });
  }
}

async function start(options: EmbeddedOptions, signal: AbortSignal): Promise<EmbeddedDatabase> {
  const { share = false, log } = options;
  const startedAt = monotonic();
  const place = await preparePlace({ ...options, readyBy: startedAt + READY_MS_MAX });
  const { dataDir, clusterDir } = place;
  const { session, socketDir, launched } = await enterServer(place, share, signal);
  const version = await serverMajor(session);
  const tookMs = Math.round(monotonic() - startedAt);
  log.info({ dataDir, version, tookMs }, launched ? "database started" : "database adopted");

  const { lost, stop } = share
    ? { lost: null, stop: () => leaveAsGuest(session, { clusterDir, launched, log }) }
    : ownUntilStopped(session, { clusterDir, reopen: reopening(place, socketDir, log), log });
  let stopped: Promise<void> | undefined;
  return {
    url: socketUrl(socketDir),
    version,
    adopted: !launched,
    lost,
    stop: () => (stopped ??= stop()),
  };
}

// At the socket that the service's connections know.
function reopening(place: Place, socketDir: string, log: Log): Reopen {
  return async (signal, started) => {
    const again = { ...place, socketDir, readyBy: monotonic() + READY_MS_MAX };
    const { postmaster } = await ensureServer(again, signal, () => {
      log.warn("the embedded PostgreSQL had ended, and was started again");
      started();
    });
    if (postmaster.socketDir === socketDir) return openSession(socketDir);
    throw new StartError(
      `the embedded PostgreSQL ended, and runs for another posthorn now (pid ${postmaster.pid}): start this one again`,
    );
  };
}
