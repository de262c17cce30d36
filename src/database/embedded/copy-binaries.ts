// A copy of the npm package's binaries where the server's user can read them.
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import { StartError } from "../../kernel/errors.ts";
import { makeLibraryLinks } from "./library-links.ts";

const READABLE = 0o755;

/** Copies the package to `target` once (60 MB, 0.1 s), readable by all whatever the modes and the umask were. */
export async function copyBinaries(root: string, target: string): Promise<string> {
  if (await isThere(target)) return target;
  const copies = dirname(target);
  await mkdir(copies, { recursive: true });
  await chmod(copies, READABLE);
  const fresh = await mkdtemp(`${target}.new-`);
  try {
    await cp(join(root, "native"), join(fresh, "native"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await makeReadable(fresh);
    if (!(await makeLibraryLinks(fresh)))
      throw new StartError(`PostgreSQL's libraries can't be linked in ${fresh}`);
    await rename(fresh, target).catch(async (error: unknown) => {
      if (!(await isThere(target))) throw error; // else another start was quicker
    });
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return target;
}

async function makeReadable(folder: string): Promise<void> {
  await chmod(folder, READABLE);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeReadable(path);
    else if (entry.isFile()) await chmod(path, READABLE);
  }
}

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
