// openapi-generator and what its Python clients stand on: installed once, into the project's cache.
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ROOT, run, type Workshop } from "./workshop.ts";

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
const CACHE = join(ROOT, ".cache/clients");

/** The Python in whose environment the requirements are. */
export async function pythonWithRequirements(): Promise<string> {
  const version = createHash("sha256")
    .update(readFileSync(REQUIREMENTS))
    .digest("hex")
    .slice(0, 12);
  const environment = join(CACHE, `python-${version}`);
  if (!existsSync(environment)) await install(environment);
  return join(environment, "bin/python");
}

/** Generates a client with the arguments that docs/clients.md shows. */
export async function generateClient(workshop: Workshop, args: string[]): Promise<void> {
  const python = await pythonWithRequirements();
  const lib = join(python, "../../lib");
  const packages = join(lib, readdirSync(lib)[0] ?? "", "site-packages");
  const jar = join(packages, "openapi_generator_cli/openapi-generator.jar");
  await workshop.run("java", ["-jar", jar, "generate", ...args]);
}

// Under another name until it is whole: two test files may install at once, and a run can be interrupted.
async function install(environment: string): Promise<void> {
  const making = `${environment}-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(CACHE, { recursive: true });
    await run("python3", ["-m", "venv", making], ROOT);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    await run(join(making, "bin/python"), [...pip, "--requirement", REQUIREMENTS], ROOT);
    await rename(making, environment).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error; // else the other was faster
    });
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
