// The embedded database: a PostgreSQL of our own in the data folder, for whoever brings none.
import { monotonic } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { interruptible } from "./embedded/interrupt.ts";
import { preparePlace } from "./embedded/place.ts";
import { socketDirsOf } from "./embedded/socket-dir.ts";
import { enterServer, leaveServer, socketUrl } from "./embedded/session.ts";
import { supervise } from "./embedded/supervise.ts";

/** A running database. `adopted` tells that it was running already. */
export type EmbeddedDatabase = {
  url: string;
  adopted: boolean;
  /** Resolves where the server has ended, and can't be started again; null where it is shared. */
  lost: Promise<Error> | null;
  /** Leaves it, and stops it unless somebody else is still there. */
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  dataDir: string;
  /** False switches fsync and its like off: for tests. */
  durable?: boolean;
  /** Joins a service's database beside it, or starts one; else a second one is refused. */
  share?: boolean;
  /** Runs in somebody else's process, whose signals are his: one that comes during the start is left to him. */
  guest?: boolean;
  /** The folder of the PostgreSQL programs to run, in place of those of the npm package. */
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
    if (options.guest) return await start(options, new AbortController().signal);
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
  const { dataDir, share = false, binDir, durable = true, log } = options;
  const startedAt = monotonic();
  const place = await preparePlace(dataDir, { binDir, durable });
  const enter = (how: { signal: AbortSignal; started: () => void }) =>
    enterServer(place, share, { readyBy: monotonic() + READY_MS_MAX, ...how });
  let starts = 0;
  const started = () => {
    starts += 1;
  };
  const { session, socketDir } = await enter({ signal, started }).catch(async (error: unknown) => {
    if (starts > 0) await leaveServer(place);
    throw error;
  });
  const adopted = starts === 0;
  const tookMs = Math.round(monotonic() - startedAt);
  log.info({ dataDir: place.dataDir, tookMs }, adopted ? "database adopted" : "database started");
  const [usual] = await socketDirsOf(place);
  if (!adopted && socketDir !== usual)
    log.warn(
      { usual, socketDir },
      "the database's address is not its usual one: that folder was taken",
    );

  const stopping = new AbortController();
  const reenter = async (restarted: () => void) => {
    const again = await enter({ signal: stopping.signal, started: restarted });
    if (again.socketDir === socketDir) return again.session;
    await leaveServer(place, again.session);
    throw new StartError(
      "the embedded PostgreSQL ended, and another posthorn started it elsewhere: start this one again",
    );
  };
  const held = share
    ? Promise.resolve(session)
    : supervise(session, reenter, { stopping: stopping.signal, log });
  const never = () => new Promise<never>(() => {});
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    stopping.abort();
    if (!(await leaveServer(place, await held.catch(() => undefined))))
      log.error({ clusterDir: place.clusterDir }, "PostgreSQL did not stop");
  };
  return {
    url: socketUrl(socketDir),
    adopted,
    lost: share ? null : held.then(never, (error: Error) => error),
    stop: () => (stopped ??= stop()),
  };
}
