// Where a system keeps its own PostgreSQL.
import { readdir, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";

import { run } from "./run.ts";

const DEBIAN_ROOT = "/usr/lib/postgresql"; // one folder a major version, none of them on the PATH

/** Yields folders that may hold PostgreSQL's binaries: Debian's newest first, then what pg_config and the PATH say. */
export async function* systemBinDirs(): AsyncGenerator<string> {
  const versions = await readdir(DEBIAN_ROOT).catch(() => []);
  for (const version of versions.sort((a, b) => Number(b) - Number(a)))
    yield join(DEBIAN_ROOT, version, "bin");
  const configured = (await run("pg_config", ["--bindir"])).stdout.trim();
  if (configured !== "") yield configured;
  const onPath = (await run("/bin/sh", ["-c", "command -v postgres"])).stdout.trim();
  if (onPath !== "") yield dirname(await realpath(onPath)); // a link leads away from its initdb
}
