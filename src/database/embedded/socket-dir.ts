// The folder of the server's socket: short, because a socket's path ends at 107 bytes (103 on macOS), and private,
// because whoever reaches the socket is trusted.
import { chown, mkdir, mkdtemp, rmdir, unlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { findBarrier, type ServerUser } from "./place.ts";

export const SOCKET_PORT = 5432; // only a part of the socket's name
const PARENT_BYTES_MAX = 70; // leaves room for /posthorn-XXXXXX/.s.PGSQL.5432.lock

/** Makes a folder of mode 0700 that belongs to the server's user: `at` where it was before, since its clients know that. */
export async function makeSocketDir(user: ServerUser | undefined, at?: string): Promise<string> {
  if (at !== undefined) {
    await removeSocketDir(at);
    await mkdir(at, { mode: 0o700 });
  }
  const socketDir = at ?? (await mkdtemp(join(await parentFor(user), "posthorn-")));
  if (user) await chown(socketDir, user.uid, user.gid);
  return socketDir;
}

/**
 * Removes what a server leaves in its socket folder. The path comes out of a file that the server's user can write:
 * only a folder and files named like ours are touched.
 */
export async function removeSocketDir(socketDir: string): Promise<void> {
  if (!/^posthorn-\w{6}$/.test(basename(socketDir))) return;
  const socket = join(socketDir, `.s.PGSQL.${SOCKET_PORT}`);
  for (const file of [socket, `${socket}.lock`]) await unlink(file).catch(() => undefined);
  await rmdir(socketDir).catch(() => undefined);
}

async function parentFor(user: ServerUser | undefined): Promise<string> {
  const parent = tmpdir();
  const short = Buffer.byteLength(parent) <= PARENT_BYTES_MAX;
  const open = user === undefined || (await findBarrier(parent, user)) === undefined;
  return short && open ? parent : "/tmp";
}
