// postmaster.pid: who runs on a cluster, and where its socket is.
import { readFile, stat, unlink } from "node:fs/promises";
import { join } from "node:path";

import { sleep } from "../../kernel/clock.ts";
import { SECOND } from "../../kernel/duration.ts";
import { codeOf } from "./error-code.ts";
import { run } from "./run.ts";
import { removeSocketDir } from "./socket-dir.ts";

const EMPTY_MS_MAX = 1 * SECOND; // a server that starts fills its file at once

export type Postmaster = { pid: number; socketDir: string; status: string };

/** Finds the server that runs on the cluster; a dead one, a zombie, or a stranger with its old pid is none. */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | undefined> {
  const postmaster = parse(await readPidFile(clusterDir));
  if (postmaster === undefined || !(await worksOn(postmaster.pid, clusterDir))) return undefined;
  return postmaster;
}

/**
 * Clears what a dead server left. PostgreSQL itself overwrites the file of a pid that is gone, but refuses to start
 * while any process of the same user has that pid, which in a container that restarts is likely; and at an empty file.
 * A server that does run is still safe: its shared memory is found by the folder's inode.
 */
export async function clearStale(clusterDir: string): Promise<void> {
  const text = await readPidFile(clusterDir);
  if (text === undefined) return;
  const stale = parse(text);
  if (stale === undefined) await sleep(EMPTY_MS_MAX);
  else if (await worksOn(stale.pid, clusterDir))
    return; // it has come up since the caller looked
  else await removeSocketDir(stale.socketDir, stale.pid);
  if (stale !== undefined && !exists(stale.pid)) return;
  if (text !== (await readPidFile(clusterDir))) return; // a server has started meanwhile
  await unlink(join(clusterDir, "postmaster.pid")).catch(() => undefined);
}

async function readPidFile(clusterDir: string): Promise<string | undefined> {
  try {
    return await readFile(join(clusterDir, "postmaster.pid"), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Lines: pid (negative in single-user mode), data folder, start time, port, socket folder, addresses, shared memory, status. */
function parse(text: string | undefined): Postmaster | undefined {
  const lines = text?.split("\n") ?? [];
  const pid = Math.abs(Number.parseInt(lines[0] ?? "", 10));
  if (!(pid > 0)) return undefined;
  return { pid, socketDir: lines[4] ?? "", status: lines[7]?.trim() ?? "starting" };
}

/** A server works inside its cluster, which tells it from whatever got its pid later; a zombie works nowhere. */
export async function worksOn(pid: number, clusterDir: string): Promise<boolean> {
  if (!exists(pid)) return false;
  if (process.platform !== "linux") {
    const { stdout } = await run("ps", ["-p", String(pid), "-o", "stat=,command="]);
    return !stdout.startsWith("Z") && stdout.includes(clusterDir);
  }
  const [cwd, cluster] = await Promise.all([
    stat(`/proc/${pid}/cwd`).catch(() => undefined),
    stat(clusterDir).catch(() => undefined),
  ]);
  return cwd !== undefined && cwd.dev === cluster?.dev && cwd.ino === cluster.ino;
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // gone, or another user's, and so no server of ours
  }
}
