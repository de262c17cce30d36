// Starts the server process and waits until it answers.
import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import type { Binaries } from "./binaries.ts";
import { clearStale, findPostmaster } from "./postmaster.ts";
import { SERVER_ENV } from "./run.ts";
import { openServerLog, type ServerLog } from "./server-log.ts";
import type { ServerUser } from "./server-user.ts";
import { serverArguments } from "./settings.ts";
import { makeSocketDir, removeSocketDir } from "./socket-dir.ts";

const POLL_MS = 3;
const STOP_MS_MAX = 10 * SECOND;

// Another server has the cluster, or a dead one's last processes still do: both pass.
const PASSING = /lock file ".*" (already exists|is empty)|pre-existing shared memory block/;

/**
 * Starts a server on the cluster. Answers true when it is ready, false when another server has the cluster or a dead
 * one still blocks it: then look again. One that is not ready by `readyBy` goes on (it replays its log after a crash;
 * stopped, it would begin again at the next start), and the next start finds it further on.
 */
export async function launch(options: {
  binaries: Binaries;
  clusterDir: string;
  logPath: string;
  user: ServerUser | undefined;
  socketDir?: string | undefined;
  durable: boolean;
  signal: AbortSignal;
  readyBy: number;
}): Promise<boolean> {
  const { binaries, clusterDir, user, signal } = options;
  await clearStale(clusterDir);
  const socketDir = await makeSocketDir(user, options.socketDir);
  let log: ServerLog | undefined;
  try {
    log = await openServerLog(options.logPath);
    const child = spawn(
      join(binaries.binDir, "postgres"),
      serverArguments({ ...options, socketDir, major: binaries.major }),
      {
        cwd: "/",
        env: SERVER_ENV,
        stdio: ["ignore", log.file.fd, log.file.fd],
        detached: true, // a group of its own: Ctrl-C reaches the service alone, which drains first
        ...user,
      },
    );
    child.unref();
    const end = watchEnd(child);
    while (!signal.aborted && !end.aborted) {
      const postmaster = await findPostmaster(clusterDir);
      if (postmaster?.pid === child.pid && postmaster?.status === "ready") return true;
      if (monotonic() > options.readyBy) throw notReady(clusterDir);
      await sleep(POLL_MS, signal);
    }
    if (signal.aborted) child.kill("SIGINT");
    await sleep(STOP_MS_MAX, end);
    signal.throwIfAborted();
    const complaint = (await log.complaint()) || String(end.reason);
    // Another's complaints stand in the same log.
    const isTaken = (await findPostmaster(clusterDir)) !== undefined;
    if (!isTaken && !PASSING.test(complaint))
      throw new StartError(`PostgreSQL did not start: ${complaint} (${options.logPath})`);
    await removeSocketDir(socketDir);
    return false;
  } catch (error) {
    if (monotonic() <= options.readyBy) await removeSocketDir(socketDir);
    throw error;
  } finally {
    await log?.file.close(); // the server has its own
  }
}

/** The line for a server that takes too long; it is left to go on. */
export const notReady = (clusterDir: string) =>
  new StartError(
    `the database in ${clusterDir} is not ready yet, perhaps it replays its log after a crash: it goes on, start posthorn again in a while`,
  );

/** A signal that aborts when the process ends, with how it ended as its reason. */
function watchEnd(child: ChildProcess): AbortSignal {
  const end = new AbortController();
  child.once("error", (error) => end.abort(error.message));
  child.once("exit", (code, signal) => end.abort(`it ended with ${signal ?? `code ${code}`}`));
  return end.signal;
}
