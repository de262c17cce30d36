// `posthorn openapi`: the description of the API.
import { writeFileSync } from "node:fs";

import { openapiYaml } from "../http/openapi.ts";

/** Prints openapi.yaml, or writes it to a file. */
export function printOpenapi({ output }: { output?: string }): void {
  if (output === undefined) process.stdout.write(openapiYaml());
  else writeFileSync(output, openapiYaml());
}
