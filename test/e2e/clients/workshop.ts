// A folder to make a client in, and the programs that make, check and run it.
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { openapiYaml } from "../../../src/http/openapi.ts";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const TSX = createRequire(import.meta.url).resolve("tsx");
const STDOUT_BYTES_MAX = 16 * 1024 * 1024; // openapi-generator names each file that it writes

export type Environment = Record<string, string>;

/** Makes a folder with openapi.yaml in it and the project's packages within reach. */
export async function openWorkshop() {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-client-"));
  await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  await writeFile(join(folder, "openapi.yaml"), openapiYaml());
  return {
    folder,
    write: (name: string, text: string) => writeFile(join(folder, name), text),
    run: (program: string, args: string[], env?: Environment) => run(program, args, folder, env),
    /** Runs what an installed package offers as a command. */
    npx: (command: string, args: string[]) =>
      run(join(ROOT, "node_modules/.bin", command), args, folder),
    /** Runs a file in TypeScript. */
    tsx: (file: string, env: Environment) =>
      run(process.execPath, ["--import", TSX, file], folder, env),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

export type Workshop = Awaited<ReturnType<typeof openWorkshop>>;

/** What a strict project has; the types of packages are not ours to check. */
export function strictTsconfig(options: object = {}): string {
  const compilerOptions = {
    target: "es2023",
    lib: ["es2023", "dom", "dom.iterable"],
    module: "preserve",
    types: ["node"],
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: true,
    noEmit: true,
    ...options,
  };
  return JSON.stringify({ compilerOptions, include: ["*.ts"] });
}

/** Runs a program to its end and answers its stdout; what it printed is in the error where it fails. */
async function run(
  program: string,
  args: string[],
  cwd: string,
  env: Environment = {},
): Promise<string> {
  const options = { cwd, env: { ...process.env, ...env }, maxBuffer: STDOUT_BYTES_MAX };
  const done = promisify(execFile)(program, args, options);
  return done.then(
    ({ stdout }) => stdout,
    ({ message, stdout = "" }: Error & { stdout?: string }) => {
      throw new Error(`${message}\n${stdout.slice(-10_000)}`);
    },
  );
}
