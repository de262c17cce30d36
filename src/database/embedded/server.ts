// The server of a cluster: found where one runs, else started; and stopped, whoever started it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { monotonic, sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { StartError } from "../../kernel/errors.ts";
import { prepareCluster } from "./cluster.ts";
import type { Place } from "./place.ts";
import { clearStale, findPostmaster, worksOn, type Postmaster } from "./postmaster.ts";
import { SERVER_ENV } from "./run.ts";
import { openServerLog } from "./server-log.ts";
import { serverArguments } from "./settings.ts";
import { makeSocketDir, removeSocketDir } from "./socket-dir.ts";

const POLL_MS = 5;
const STOPS = [
  { signal: "SIGINT", waitMs: 30 * SECOND }, // fast: rolls transactions back and writes a checkpoint
  { signal: "SIGQUIT", waitMs: 10 * SECOND }, // immediate: nothing acknowledged is lost, the next start replays the log
] as const;

// Another server has the cluster, a dead one's last processes still do, or one that stopped took its socket's folder with it:
// all pass.
const PASSING =
  /lock file ".*" (already exists|is empty)|pre-existing shared memory block|could not create lock file ".*": No such file/;

export type StartOptions = {
  /** One that is not ready then goes on, and the next start finds it further on: stopped, it would begin again. */
  readyBy: number;
  signal: AbortSignal;
  /** Called with each start, also of a server that ends again before it is ready. */
  started: () => void;
};

/**
 * Answers the server that is ready on the cluster. One that is starting or stopping is waited for; one that a killed
 * service left behind is as good as new: nothing acknowledged is lost.
 */
export async function ensureServer(place: Place, options: StartOptions): Promise<Postmaster> {
  const { signal, readyBy } = options;
  for (;;) {
    signal.throwIfAborted();
    const postmaster = await findPostmaster(place.clusterDir);
    if (postmaster?.status === "ready") return postmaster;
    if (monotonic() > readyBy)
      throw new StartError(
        `the database in ${place.clusterDir} is not ready yet, perhaps it replays its log after a crash: it goes on, start posthorn again in a while`,
      );
    if (postmaster === undefined) await startServer(place, options);
    else await sleep(POLL_MS, signal);
  }
}

// Until it answers, or its time is over, or somebody else turns out to have the cluster.
async function startServer(place: Place, options: StartOptions): Promise<void> {
  const { clusterDir, logPath, user, durable } = place;
  const { signal, readyBy, started } = options;
  const { binDir, major } = await prepareCluster(place, signal);
  await clearStale(clusterDir);
  const socketDir = await makeSocketDir(place);
  const log = await openServerLog(logPath);
  const ended = new AbortController();
  try {
    const args = serverArguments({ clusterDir, socketDir, durable, major });
    const { fd } = log.file;
    // `detached` is a group of its own: Ctrl-C reaches the service alone, which drains first.
    const settings = { cwd: "/", env: SERVER_ENV, detached: true, ...user };
    const child = spawn(join(binDir, "postgres"), args, { ...settings, stdio: ["ignore", fd, fd] });
    child.unref();
    once(child, "exit").then(
      ([code, by]: unknown[]) => ended.abort(`it ended with ${String(by ?? code)}`),
      (error: Error) => ended.abort(error.message),
    );
    while (!signal.aborted && !ended.signal.aborted) {
      const postmaster = await findPostmaster(clusterDir);
      if (postmaster?.pid === child.pid && postmaster?.status === "ready") return started();
      if (monotonic() > readyBy) return;
      await sleep(POLL_MS, signal);
    }
    if (signal.aborted) child.kill("SIGINT");
    await sleep(STOPS[1].waitMs, ended.signal);
    await removeSocketDir(socketDir, child.pid ?? 0);
    signal.throwIfAborted();
    const complaint = (await log.complaint()) || String(ended.signal.reason);
    const isTaken = (await findPostmaster(clusterDir)) !== undefined; // its complaints stand in the same log
    if (!isTaken && !PASSING.test(complaint))
      throw new StartError(`PostgreSQL did not start: ${complaint} (${logPath})`);
  } finally {
    await log.file.close(); // the server has its own
  }
}

/** Stops the server and waits until it is gone; answers false when it outlives even the second signal. */
export async function stopServer(clusterDir: string): Promise<boolean> {
  for (const { signal, waitMs } of STOPS) {
    const postmaster = await findPostmaster(clusterDir);
    if (postmaster === undefined) return true;
    try {
      process.kill(postmaster.pid, signal);
    } catch {
      // gone since it was found
    }
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += POLL_MS) {
      if (!(await worksOn(postmaster.pid, clusterDir))) {
        await removeSocketDir(postmaster.socketDir, postmaster.pid);
        return true;
      }
      await sleep(POLL_MS);
    }
  }
  return false;
}
