// npm packages can't hold symbolic links: the package lists those that its libraries need.
import { lstat, readFile, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

type Link = { source: string; target: string };

/**
 * Makes the links that are missing: the package's own install script does, but install scripts are often switched off.
 * Answers false where the package can't be written to.
 */
export async function makeLibraryLinks(root: string): Promise<boolean> {
  for (const { source, target } of await readLinks(root)) {
    const path = join(root, target);
    if (await isThere(path)) continue;
    if (dirname(source) !== dirname(target)) continue; // never seen; a relative name would be wrong
    try {
      await symlink(basename(source), path);
    } catch {
      if (!(await isThere(path))) return false; // else another start was quicker
    }
  }
  return true;
}

async function readLinks(root: string): Promise<Link[]> {
  const list = join(root, "native", "pg-symlinks.json");
  const text = await readFile(list, "utf8").catch(() => "[]"); // macOS packages may have none
  return JSON.parse(text) as Link[];
}

const isThere = (path: string) =>
  lstat(path).then(
    () => true,
    () => false,
  );
