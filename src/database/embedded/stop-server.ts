// Stops the server of a cluster, whoever started it.
import { sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { findPostmaster, worksOn } from "./postmaster.ts";
import { removeSocketDir } from "./socket-dir.ts";

const POLL_MS = 5;
const STEPS = [
  { signal: "SIGINT", waitMs: 30 * SECOND }, // fast: rolls transactions back and writes a checkpoint
  { signal: "SIGQUIT", waitMs: 10 * SECOND }, // immediate: nothing acknowledged is lost, the next start replays the log
] as const;

/** Stops the server and waits until it is gone; answers false when it outlives even the second signal. */
export async function stopServer(clusterDir: string): Promise<boolean> {
  for (const { signal, waitMs } of STEPS) {
    const postmaster = await findPostmaster(clusterDir);
    if (postmaster === undefined) return true;
    kill(postmaster.pid, signal);
    for (let waitedMs = 0; waitedMs < waitMs; waitedMs += POLL_MS) {
      if (!(await worksOn(postmaster.pid, clusterDir))) {
        await removeSocketDir(postmaster.socketDir);
        return true;
      }
      await sleep(POLL_MS);
    }
  }
  return false;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone since it was found
  }
}
