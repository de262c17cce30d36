// Runs a program to its end: PostgreSQL's tools, as the user that owns the data.
import { execFile } from "node:child_process";

import { SECOND } from "../../kernel/duration.ts";

/**
 * All that PostgreSQL sees of our environment: PGDATA, PGPORT or a locale would change it, a secret could leak,
 * and a known TZ spares initdb the search for the machine's time zone.
 */
export const SERVER_ENV = { LC_ALL: "C", TZ: "UTC" };

const RUN_MS_MAX = 120 * SECOND; // initdb on a slow disk; everything else takes milliseconds
const OUTPUT_BYTES_MAX = 1024 * 1024;

export type Ran = { ok: boolean; stdout: string; stderr: string; error?: Error };

/**
 * Runs `file` and answers what it said; a program that can't be run is an answer too.
 * It runs in `/`, because the server's user may not be able to enter our working directory.
 */
export function run(
  file: string,
  args: string[],
  options: {
    user?: { uid: number; gid: number } | undefined;
    signal?: AbortSignal;
    env?: NodeJS.ProcessEnv;
  } = {},
): Promise<Ran> {
  const { user, ...rest } = options;
  return new Promise<Ran>((resolve) => {
    execFile(
      file,
      args,
      { cwd: "/", timeout: RUN_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX, ...rest, ...user },
      (error, stdout, stderr) =>
        resolve(error ? { ok: false, stdout, stderr, error } : { ok: true, stdout, stderr }),
    );
  }).catch((error: Error) => ({ ok: false, stdout: "", stderr: "", error })); // EPERM is thrown, not called back
}
