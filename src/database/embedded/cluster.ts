// The cluster: the folder that initdb makes and PostgreSQL keeps its data in.
import { chown, mkdtemp, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { StartError } from "../../kernel/errors.ts";
import { findBinaries, type Binaries } from "./binaries.ts";
import { codeOf } from "./error-code.ts";
import type { Place } from "./place.ts";
import { run } from "./run.ts";
import { complaintIn } from "./server-log.ts";

export const SUPERUSER = "posthorn";

/** Finds the binaries that run on the place's cluster, which is made where there is none yet. */
export async function prepareCluster(place: Place, signal: AbortSignal): Promise<Binaries> {
  const { clusterDir } = place;
  const binaries = await findBinaries(place);
  const major = await clusterMajor(clusterDir);
  if (major === undefined) await makeCluster(place, binaries, signal);
  else if (major !== binaries.major)
    throw new StartError(
      `${clusterDir} was made by PostgreSQL ${major}, and the one in ${binaries.binDir} is ${binaries.major}, which can't open it: ` +
        `start the posthorn that made it, or bring the data over with pg_upgrade or a dump`,
    );
  return binaries;
}

async function clusterMajor(clusterDir: string): Promise<number | undefined> {
  const entries = await readdir(clusterDir).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [] as string[];
    throw error;
  });
  if (entries.length === 0) return undefined;
  if (entries.includes("PG_VERSION"))
    return Number.parseInt(await readFile(join(clusterDir, "PG_VERSION"), "utf8"), 10);
  throw new StartError(
    `${clusterDir} holds files but no PostgreSQL database: move them away, or choose another POSTHORN_DATA_DIR`,
  );
}

// Made beside its place and renamed there whole: nobody ever sees half a cluster, and of two starts at once one finds the
// place taken and uses what the other made.
async function makeCluster(
  { clusterDir, user, durable }: Place,
  { binDir }: Binaries,
  signal: AbortSignal,
): Promise<void> {
  await removeAbandoned(clusterDir);
  const fresh = await mkdtemp(`${clusterDir}.new-${process.pid}-`);
  try {
    if (user) await chown(fresh, user.uid, user.gid);
    const args = ["-D", fresh, "-U", SUPERUSER, "-E", "UTF8", "--locale=C", "--data-checksums"];
    args.push("--auth-local=trust", "--auth-host=reject"); // the socket's folder is the door
    if (!durable) args.push("--no-sync");
    const made = await run(join(binDir, "initdb"), args, { user, signal });
    signal.throwIfAborted();
    if (!made.ok)
      throw new StartError(`initdb failed: ${complaintIn(made.stderr) || made.error?.message}`);
    await rename(fresh, clusterDir).catch((error: unknown) => {
      if (!["ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "")) throw error;
    });
    if (durable) await syncFolder(dirname(clusterDir));
  } finally {
    await rm(fresh, { recursive: true, force: true, maxRetries: 5 });
  }
}

// A start that was killed leaves its half-made cluster behind; the pid in the name tells that nobody works on it.
async function removeAbandoned(clusterDir: string): Promise<void> {
  const prefix = `${basename(clusterDir)}.new-`;
  for (const name of await readdir(dirname(clusterDir))) {
    const pid = Number.parseInt(name.slice(prefix.length), 10);
    if (!name.startsWith(prefix) || isAlive(pid)) continue;
    await rm(join(dirname(clusterDir), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM"; // another user's
  }
}

// A rename is on the disk only when its folder is.
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
}
