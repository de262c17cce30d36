// The data folder of an embedded database, and the user that runs PostgreSQL on it: as root not ourselves, for it refuses.
import { access, chmod, constants, mkdir, realpath, stat, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { StartError } from "../../kernel/errors.ts";
import { run } from "./run.ts";

const PRIVATE = 0o700;
const CROSSABLE = 0o711; // others may pass, not look: a secret file beside the cluster keeps its own mode 0600
const CLUSTER_PATH_BYTES_MAX = 900; // PostgreSQL cuts longer ones off at 1,024, file names included

export type ServerUser = { uid: number; gid: number };

export type Place = {
  dataDir: string;
  clusterDir: string;
  logPath: string;
  /** Undefined means the user that we are. */
  user: ServerUser | undefined;
  binDir: string | undefined;
  durable: boolean;
};

/** Where the cluster lives in a data folder. */
export const clusterIn = (dataDir: string) => join(dataDir, "postgres");

/** Makes the data folder ready and answers what is where in it; throws one line where nobody could use it. */
export async function preparePlace(
  path: string,
  options: Pick<Place, "binDir" | "durable">,
): Promise<Place> {
  const user = await findServerUser(clusterIn(resolve(path)));
  const isNew = await makeFolders(resolve(path), user ? CROSSABLE : PRIVATE);
  const dataDir = await realpath(path);
  // In somebody's project it is none of the project's files. A folder that was there is as its owner wants it.
  if (isNew) await writeFile(join(dataDir, ".gitignore"), "*\n");
  const clusterDir = clusterIn(dataDir);
  if (Buffer.byteLength(clusterDir) > CLUSTER_PATH_BYTES_MAX)
    throw new StartError(`the path of the data folder ${dataDir} is too long for PostgreSQL`);
  await (user ? letThrough(dataDir, user) : assertOurs([dataDir, clusterDir]));
  return { ...options, dataDir, clusterDir, logPath: join(dataDir, "postgres.log"), user };
}

// As root the owner of a cluster that exists, so that it does not matter who made it; else `postgres` or `nobody`.
async function findServerUser(clusterDir: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(clusterDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
    if (uid.ok && Number(uid.stdout) !== 0)
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  }
  throw new StartError(
    "the embedded database can't run as root, and there is no user postgres or nobody to run it: start posthorn as an ordinary user, or set DATABASE_URL",
  );
}

// mkdir -p with a mode that the umask can't narrow: under 077 root's new folders would lock the server's user out. Answers
// whether there was anything to make.
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
  // A cluster that root restored from a backup belongs to root, and PostgreSQL insists on owning its files.
  const owner = await stat(clusterIn(dataDir)).catch(() => undefined);
  if (owner?.uid !== 0) return;
  await run("chown", ["-R", `${user.uid}:${user.gid}`, clusterIn(dataDir)]);
}

/** Finds the topmost folder on the way to `path` (itself included) that `user` can't cross, for want of its `x` bit. */
export async function findBarrier(path: string, user: ServerUser): Promise<string | undefined> {
  const parent = dirname(path);
  const above = parent === path ? undefined : await findBarrier(parent, user);
  if (above !== undefined) return above;
  const { mode, uid, gid } = await stat(path);
  const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return (mode & bit) === 0 ? path : undefined;
}

async function assertOurs(paths: string[]): Promise<void> {
  for (const path of paths) {
    const owner = await stat(path).catch(() => undefined);
    if (owner === undefined) continue;
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK).catch(() => {
      throw new StartError(
        `the data folder ${path} is closed to this user: start posthorn as its owner (uid ${owner.uid}), or choose another POSTHORN_DATA_DIR`,
      );
    });
  }
}
