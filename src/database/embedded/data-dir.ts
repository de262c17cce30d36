// The data folder: ours alone, except that root lets the server's user pass through to the cluster.
import {
  access,
  chmod,
  chown,
  constants,
  mkdir,
  realpath,
  stat,
  writeFile,
} from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { StartError } from "../../kernel/errors.ts";
import { findBarrier } from "./crossing.ts";
import { run } from "./run.ts";
import type { ServerUser } from "./server-user.ts";

const PRIVATE = 0o700;
const CROSSABLE = 0o711; // others may pass, not look: a secret file beside the cluster keeps its own mode 0600
const CLUSTER_PATH_BYTES_MAX = 900; // PostgreSQL cuts longer ones off at 1,024, file names included

/** Where the cluster lives in a data folder. */
export const clusterIn = (dataDir: string) => join(dataDir, "postgres");

/** Makes the data folder where it is missing and answers its real path; throws one line where nobody could use it. */
export async function prepareDataDir(path: string, user: ServerUser | undefined): Promise<string> {
  const isNew = await makeFolders(resolve(path), user ? CROSSABLE : PRIVATE);
  const dataDir = await realpath(path);
  // In somebody's project it is none of the project's files. A folder that was there is as its owner wants it.
  if (isNew) await writeFile(join(dataDir, ".gitignore"), "*\n");
  if (Buffer.byteLength(clusterIn(dataDir)) > CLUSTER_PATH_BYTES_MAX)
    throw new StartError(`the path of the data folder ${dataDir} is too long for PostgreSQL`);
  if (user) await letThrough(dataDir, user);
  else await assertOurs(dataDir);
  return dataDir;
}

/**
 * mkdir -p with a mode that the umask can't narrow: under 077 root's new folders would lock the server's user out.
 * Answers whether there was anything to make.
 */
async function makeFolders(path: string, mode: number): Promise<boolean> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return false;
  for (let made = path; made.length >= first.length; made = dirname(made)) await chmod(made, mode);
  return true;
}

async function letThrough(dataDir: string, user: ServerUser): Promise<void> {
  const { mode, uid } = await stat(dataDir);
  if (uid !== user.uid && (mode & 0o001) === 0) await chmod(dataDir, (mode & 0o777) | 0o011);
  const barrier = await findBarrier(dataDir, user);
  if (barrier !== undefined)
    throw new StartError(
      `the embedded database runs as uid ${user.uid} when posthorn is root, and ${barrier} on the way to the data folder is closed to it: chmod o+x ${barrier}, or choose another POSTHORN_DATA_DIR`,
    );
  await adoptFromRoot(clusterIn(dataDir), user);
}

/** A cluster that root restored from a backup belongs to root, and PostgreSQL insists on owning its files. */
async function adoptFromRoot(clusterDir: string, user: ServerUser): Promise<void> {
  const owner = await stat(clusterDir).catch(() => undefined);
  if (owner?.uid !== 0) return;
  await chown(clusterDir, user.uid, user.gid);
  await run("chown", ["-R", `${user.uid}:${user.gid}`, clusterDir]);
}

async function assertOurs(dataDir: string): Promise<void> {
  for (const path of [dataDir, clusterIn(dataDir)]) {
    const owner = await stat(path).catch(() => undefined);
    const usable = await access(path, constants.R_OK | constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    if (owner !== undefined && !usable)
      throw new StartError(
        `the data folder ${path} is closed to this user: start posthorn as its owner (uid ${owner.uid}), or choose another POSTHORN_DATA_DIR`,
      );
  }
}
