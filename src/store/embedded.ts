// The embedded database: a PostgreSQL of our own in the data folder, for whoever brings none.
import { join, resolve } from "node:path";

import type pg from "pg";

import { monotonic } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { clusterIn, prepareDataDir } from "./embedded/data-dir.ts";
import { enterServer, leaveServer } from "./embedded/enter.ts";
import { interruptible } from "./embedded/interrupt.ts";
import { keepOwnership } from "./embedded/keep-ownership.ts";
import type { Place } from "./embedded/running-server.ts";
import { findServerUser } from "./embedded/server-user.ts";
import { openSession, socketUrl } from "./embedded/session.ts";
import { stopServer } from "./embedded/stop-server.ts";

/** A running database. `version` is PostgreSQL's major one, `adopted` tells that it was running already. */
export type EmbeddedDatabase = {
  url: string;
  version: number;
  adopted: boolean;
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
  const { share = false, durable = true, binDir, log } = options;
  const startedAt = monotonic();
  const user = await findServerUser(clusterIn(resolve(options.dataDir)));
  const dataDir = await prepareDataDir(options.dataDir, user);
  const clusterDir = clusterIn(dataDir);
  const place: Place = {
    dataDir,
    clusterDir,
    logPath: join(dataDir, "postgres.log"),
    copiesDir: join(dataDir, "postgres-binaries"),
    user,
    binDir,
    durable,
    readyBy: startedAt + READY_MS_MAX,
  };
  const { session, socketDir, launched } = await enterServer(place, share, signal);
  const version = await majorOf(session);
  const tookMs = Math.round(monotonic() - startedAt);
  log.info({ dataDir, version, tookMs }, launched ? "database started" : "database adopted");

  const stopping = new AbortController();
  const open = () => openSession(socketDir);
  const kept = share
    ? Promise.resolve(session)
    : keepOwnership(session, { open, stopping: stopping.signal, log });
  const stop = async () => {
    stopping.abort();
    const held = await kept; // the lock is let go only when the server is gone
    const stopped = share
      ? !launched || (await leaveServer(session, clusterDir))
      : await stopServer(clusterDir);
    if (!stopped) log.error({ clusterDir }, "PostgreSQL did not stop");
    await held?.end().catch(() => undefined);
  };
  let stopped: Promise<void> | undefined;
  return {
    url: socketUrl(socketDir),
    version,
    adopted: !launched,
    stop: () => (stopped ??= stop()),
  };
}

async function majorOf(session: pg.Client): Promise<number> {
  const { rows } = await session.query<{ number: number }>(
    "select current_setting('server_version_num')::integer / 10000 as number",
  );
  return rows[0]?.number ?? 0;
}
