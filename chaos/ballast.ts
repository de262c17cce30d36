// A file that leaves no room on its disk, and the small disk that it is for.
import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const CHUNKS = [1024 * 1024, 4 * 1024]; // bytes: the rest of a disk is smaller than a large one

/** Grows the file until its disk is full. */
export async function fill(path: string): Promise<void> {
  const file = await open(path, "a");
  try {
    for (const size of CHUNKS) {
      const chunk = Buffer.alloc(size, 1);
      while (await file.write(chunk).then(({ bytesWritten }) => bytesWritten === size, isFull));
    }
  } finally {
    await file.close();
  }
}

/** Mounts a disk of so many MB in memory, with a folder on it; undefined where this user may not. */
export async function mountDisk(
  megabytes: number,
): Promise<{ folder: string; unmount(): Promise<void> } | undefined> {
  const path = await mkdtemp(join(tmpdir(), "posthorn-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
    await chmod(path, 0o755);
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  const folder = join(path, "data");
  await mkdir(folder);
  return {
    folder,
    async unmount() {
      await run("umount", ["--lazy", path]);
      await rm(path, { recursive: true });
    },
  };
}

function isFull(error: NodeJS.ErrnoException): false {
  if (error.code !== "ENOSPC") throw error;
  return false;
}
