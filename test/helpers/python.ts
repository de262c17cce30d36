// Pythons with packages in them: each installed once, into the project's cache.
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The Python of an environment that has what a requirements.txt names, made in `cache` unless it is there. */
export async function pythonWith(requirements: string, cache: string): Promise<string> {
  const version = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  const environment = join(cache, `python-${version.slice(0, 12)}`);
  if (!existsSync(environment)) await install(environment, requirements, cache);
  return join(environment, "bin/python");
}

// Under another name until it is whole: two test files may install at once, and a run can be interrupted.
async function install(environment: string, requirements: string, cache: string): Promise<void> {
  const making = `${environment}-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(cache, { recursive: true });
    await run("python3", ["-m", "venv", making]);
    // Python compiles what is imported, which is little of it.
    const pip = ["-m", "pip", "install", "--no-compile", "--quiet", "--disable-pip-version-check"];
    await run(join(making, "bin/python"), [...pip, "--requirement", requirements]);
    await rename(making, environment).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // else the other was faster
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
