// Asks PostgreSQL's binaries for their version, which also shows that they run.
import { access } from "node:fs/promises";
import { join } from "node:path";

import { run } from "./run.ts";
import type { ServerUser } from "./server-user.ts";

/** The major version of the binaries in a folder, or undefined where `user` can't run them. */
export async function majorOf(
  binDir: string,
  user: ServerUser | undefined,
): Promise<number | undefined> {
  const complete = await access(join(binDir, "initdb")).then(
    () => true,
    () => false,
  );
  if (!complete) return undefined;
  const { stdout } = await run(join(binDir, "postgres"), ["--version"], { user });
  const major = /\(PostgreSQL\) (\d+)/.exec(stdout)?.[1];
  return major === undefined ? undefined : Number(major);
}
