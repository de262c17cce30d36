// openapi-generator and what its Python clients stand on: installed once, into the project's cache.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { BRIEFLY } from "../../helpers/programs.ts";
import { pythonWith } from "../../helpers/python.ts";
import { ROOT, type Workshop } from "./workshop.ts";

const REQUIREMENTS = fileURLToPath(new URL("requirements.txt", import.meta.url));
const CACHE = join(ROOT, ".cache/clients");

/** The Python in whose environment the requirements are. */
export function pythonWithRequirements(): Promise<string> {
  return pythonWith(REQUIREMENTS, CACHE);
}

/** Generates a client with the arguments that docs/clients.md shows. */
export async function generateClient(workshop: Workshop, args: string[]): Promise<void> {
  await workshop.run("java", [...BRIEFLY, "-jar", await generatorJar(), "generate", ...args]);
}

/** Where openapi-generator is. */
export async function generatorJar(): Promise<string> {
  const python = await pythonWithRequirements();
  const lib = join(python, "../../lib");
  const packages = join(lib, readdirSync(lib)[0] ?? "", "site-packages");
  return join(packages, "openapi_generator_cli/openapi-generator.jar");
}
