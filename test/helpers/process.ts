// Real processes for tests: the posthorn command and the examples, ended and cleared up after each test.
import { execFile, spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { afterAll, afterEach } from "@jest/globals";

import { clusterIn } from "../../src/database/embedded/place.ts";
import { stopServer } from "../../src/database/embedded/server.ts";

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Whether dist/ is of these sources; elsewhere it may be older, or in somebody's making. */
export const IS_BUILT = process.env["CI"] === "true";

const LINE_MS_MAX = 100_000; // below jest's own limit, so that a wait in vain shows what was said instead

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type Running = {
  pid: number;
  /** What it has said so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Resolves with the first line, of either stream, that fits; throws with all that was said where none comes. */
  line(fits: RegExp): Promise<string>;
  exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and the end. */
  stop(): Promise<Exit>;
};

const cleanups: (() => Promise<unknown>)[] = [];
let program: Promise<string> | undefined;

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(async () => {
  if (program) await rm(dirname(dirname(dirname(await program))), { recursive: true });
});

/** Does `end` after the test; what was begun last is ended first. */
export function afterwards(end: () => Promise<unknown>): void {
  cleanups.push(end);
}

/** Starts a program. It sees no more of our environment than it needs: a setting of ours must not become its own. */
export function run(
  file: string,
  args: readonly string[],
  { env = {}, cwd = tmpdir() }: { env?: Record<string, string>; cwd?: string } = {},
): Running {
  const { PATH = "", HOME = "", TMPDIR } = process.env;
  const child = spawn(file, args, {
    cwd,
    env: { PATH, HOME, ...(TMPDIR !== undefined && { TMPDIR }), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  const listeners = new Set<() => void>();
  const changed = () => {
    for (const listener of listeners) listener();
  };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      changed();
    });
  let end: Exit | undefined;
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      resolve((end = { code, signal }));
      changed();
    });
  });
  const everything = () => `${said.stdout}${said.stderr}`;
  const running: Running = {
    pid: child.pid ?? 0,
    get stdout() {
      return said.stdout;
    },
    get stderr() {
      return said.stderr;
    },
    line: (fits) =>
      new Promise((resolve, reject) => {
        const finish = (act: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          act();
        };
        const missed = (why: string) =>
          finish(() => reject(new Error(`${why} before ${fits} was said:\n${everything()}`)));
        const look = () => {
          const found = wholeLines(said).find((line) => fits.test(line));
          if (found !== undefined) finish(() => resolve(found));
          else if (end) missed("it ended");
        };
        const timer = setTimeout(() => missed("the time was up"), LINE_MS_MAX);
        listeners.add(look);
        look();
      }),
    exited,
    kill: (signal) => void child.kill(signal),
    stop() {
      child.kill("SIGTERM");
      return exited;
    },
  };
  afterwards(async () => {
    child.kill("SIGKILL");
    await exited.catch(() => undefined);
  });
  return running;
}

function wholeLines({ stdout, stderr }: { stdout: string; stderr: string }): string[] {
  return [stdout, stderr].flatMap((text) => text.split("\n").slice(0, -1));
}

/** Starts `posthorn <args>`, as it would run from dist, on a free port of the loopback. */
export async function posthorn(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Running> {
  const settings = { PORT: "0", NODE_ENV: "test", ...env };
  return run(process.execPath, [await posthornProgram(), ...args], { env: settings });
}

/** The file that Node runs as the command: in CI that which `npm ci` has just built. */
export function posthornProgram(): Promise<string> {
  if (IS_BUILT) return Promise.resolve(join(ROOT, "dist/cli/index.js"));
  return (program ??= bundle());
}

/** The same, as soon as it says that it is ready; `url` is where it listens. */
export async function readyPosthorn(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Running & { url: string }> {
  const running = await posthorn(args, env);
  const { url } = JSON.parse(await running.line(/"msg":"ready"/)) as { url: string };
  return Object.assign(running, { url });
}

// As `npm run build` makes it, in a folder of its own.
async function bundle(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-program-"));
  await mkdir(join(folder, "dist"));
  for (const name of ["db", "dist/swagger-ui", "node_modules", "openapi.yaml", "package.json"])
    await symlink(join(ROOT, name), join(folder, name));
  await promisify(execFile)(process.execPath, [join(ROOT, "scripts/bundle.mjs"), folder]);
  return join(folder, "dist/cli/index.js");
}

/** A data folder to be, or a copy of one: its database is stopped, whoever left it running, and all is removed. */
export async function makeDataDir(from?: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-data-"));
  await chmod(folder, 0o755); // under root the server is another user's
  const dataDir = join(folder, "data");
  afterwards(async () => {
    await mkdir(clusterIn(dataDir), { recursive: true });
    await stopServer(clusterIn(dataDir));
    await rm(folder, { recursive: true, force: true });
  });
  if (from !== undefined) await promisify(execFile)("cp", ["-a", from, dataDir]);
  return dataDir;
}
