// The folder of the server's socket: short, because a socket's path ends at 107 bytes (103 on macOS), and private,
// because whoever reaches the socket is trusted. Its name follows from the cluster's place, so that what an application was
// told as the database's address holds from start to start.
import { createHash } from "node:crypto";
import { chmod, chown, lstat, mkdir, readFile, rmdir, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { StartError } from "../../kernel/errors.ts";
import { codeOf } from "./error-code.ts";
import { findBarrier, type Place } from "./place.ts";

export const SOCKET_PORT = 5432; // only a part of the socket's name
const NAME_LENGTH = 12; // of a hash: what two clusters of one machine never share
const PARENT_BYTES_MAX = 66; // leaves room for /posthorn-XXXXXXXXXXXX/.s.PGSQL.5432
const NAMES_MAX = 8; // one that somebody else has is passed over; more than a few are no chance

type Owned = Pick<Place, "clusterDir" | "user">;

/** Makes the socket folder of a cluster, of mode 0700, or takes the one that is there and its own. */
export async function makeSocketDir(place: Owned): Promise<string> {
  const names = await socketDirsOf(place);
  for (const name of names) if (await take(name, place)) return name;
  throw new StartError(
    `the database's socket has no place: ${names[0]} and ${NAMES_MAX - 1} others are somebody else's; remove them, or set TMPDIR to a folder of your own`,
  );
}

/** Where a cluster's socket folder may be: the first is its usual place, the others serve where that is somebody else's. */
export async function socketDirsOf({ clusterDir, user }: Owned): Promise<string[]> {
  const parent = await parentFor(user);
  return Array.from({ length: NAMES_MAX }, (_, n) => {
    const hash = createHash("sha256").update(`${n} ${clusterDir}`).digest("hex");
    return join(parent, `posthorn-${hash.slice(0, NAME_LENGTH)}`);
  });
}

// What is there may be a stranger's, who would then hold the server's door: only what is ours, and no link, is taken.
async function take(socketDir: string, { user }: Owned): Promise<boolean> {
  try {
    await mkdir(socketDir, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    const found = await lstat(socketDir).catch(() => undefined);
    const ours = [process.getuid?.(), user?.uid];
    if (!found?.isDirectory() || !ours.includes(found.uid)) return false;
    await chmod(socketDir, 0o700);
  }
  if (user) await chown(socketDir, user.uid, user.gid);
  return true;
}

/**
 * Removes what the server `pid`, which is gone, left in its socket folder; what another has there since stays. The path comes
 * out of a file that the server's user can write: only a folder and files named like ours are touched.
 */
export async function removeSocketDir(socketDir: string, pid: number): Promise<void> {
  if (!/^posthorn-\w+$/.test(basename(socketDir))) return;
  const socket = join(socketDir, `.s.PGSQL.${SOCKET_PORT}`);
  const lock = await readFile(`${socket}.lock`, "utf8").catch(() => "");
  if (Number.parseInt(lock, 10) === pid)
    for (const file of [socket, `${socket}.lock`]) await unlink(file).catch(() => undefined);
  await rmdir(socketDir).catch(() => undefined);
}

async function parentFor(user: Owned["user"]): Promise<string> {
  const parent = tmpdir();
  const short = Buffer.byteLength(parent) <= PARENT_BYTES_MAX;
  const open = user === undefined || (await findBarrier(parent, user)) === undefined;
  return short && open ? parent : "/tmp";
}
