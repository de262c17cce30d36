// Which PostgreSQL to run: the one asked for, else the npm package's, else the system's.
import { StartError } from "../../kernel/errors.ts";
import { majorOf } from "./major-version.ts";
import { packageBinaries } from "./package-binaries.ts";
import type { ServerUser } from "./server-user.ts";
import { systemBinDirs } from "./system-binaries.ts";

const MAJOR_MIN = 15; // what our SQL needs

export type Binaries = { binDir: string; major: number };

/**
 * Finds binaries that `user` can run. A cluster that exists takes the first of its own major version; where there is
 * none, one line says so: no other version can open it.
 */
export async function findBinaries(options: {
  binDir: string | undefined;
  copiesDir: string;
  cluster: { dir: string; major: number } | undefined;
  user: ServerUser | undefined;
}): Promise<Binaries> {
  const { cluster } = options;
  let first: Binaries | undefined;
  for await (const binDir of candidates(options)) {
    const major = await majorOf(binDir, options.user);
    if (major === undefined || major < MAJOR_MIN) continue;
    const found = { binDir, major };
    if (cluster === undefined || cluster.major === major) return found;
    first ??= found;
  }
  if (first === undefined || cluster === undefined) throw noneFound(options.binDir);
  throw new StartError(
    `${cluster.dir} was made by PostgreSQL ${cluster.major}, and the PostgreSQL found in ${first.binDir} is ${first.major}: ` +
      `install PostgreSQL ${cluster.major} again, or bring the data over with pg_upgrade or a dump`,
  );
}

async function* candidates(options: {
  binDir: string | undefined;
  copiesDir: string;
  user: ServerUser | undefined;
}): AsyncGenerator<string, void, void> {
  if (options.binDir !== undefined) {
    yield options.binDir;
    return;
  }
  const packaged = await packageBinaries(options.copiesDir, options.user);
  if (packaged !== undefined) yield packaged;
  yield* systemBinDirs();
}

function noneFound(binDir: string | undefined): StartError {
  const where = binDir === undefined ? "on this machine" : `that runs in ${binDir}`;
  return new StartError(
    `no PostgreSQL ${MAJOR_MIN} or newer ${where}: set DATABASE_URL, run npm install with optional dependencies, or install PostgreSQL`,
  );
}
