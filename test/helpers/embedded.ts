// What the tests of the embedded database share: folders, servers and child processes that are gone after each test.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import pg from "pg";
import pino from "pino";

import { silentLog, type Log } from "../../src/kernel/log.ts";
import { startEmbedded, type EmbeddedOptions } from "../../src/database/embedded.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const cleanups: (() => Promise<unknown>)[] = [];
let seed: Promise<string> | undefined;

/** Ends and removes, newest first, whatever the test has begun. */
export async function cleanUp(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}

/** Removes what the tests of a file share. */
export async function removeSeed(): Promise<void> {
  if (seed !== undefined) await rm(dirname(await seed), { recursive: true, force: true });
}

/** A folder that everybody can cross, removed after the test. */
export async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-folder-"));
  await chmod(folder, 0o755);
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A data folder that a service has used before: a copy, because initdb takes ten times as long. */
export async function makeUsedDataDir(): Promise<string> {
  seed ??= makeSeed();
  const dataDir = join(await makeFolder(), "data");
  await promisify(execFile)("cp", ["-a", await seed, dataDir]);
  return dataDir;
}

async function makeSeed(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-folder-"));
  await chmod(folder, 0o755);
  const dataDir = join(folder, "data");
  await (await start(dataDir)).stop();
  return dataDir;
}

/** Starts without fsync, with the test run's binaries, and stops after the test. */
export async function start(dataDir: string, options: Partial<EmbeddedOptions> = {}) {
  const binDir = process.env["POSTHORN_TEST_POSTGRES_BIN"];
  const bin = binDir ? { binDir } : {};
  const database = await startEmbedded({
    dataDir,
    durable: false,
    log: silentLog,
    ...bin,
    ...options,
  });
  cleanups.push(() => database.stop());
  return database;
}

/** A service's log, and when it says that the service holds its data folder again. */
export function watchHold(): { log: Log; heldAgain: Promise<void> } {
  let held = () => {};
  const heldAgain = new Promise<void>((resolve) => (held = resolve));
  const write = (line: string) => {
    if (line.includes("held again")) held();
  };
  return { log: pino({}, { write }), heldAgain };
}

/** The message that a start is refused with. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "it started",
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

/** Runs statements on a connection of their own, and answers the last one's rows. */
export async function query(url: string, ...statements: string[]) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
}

export type Child = {
  process: ChildProcess;
  pid: number;
  nextLine: () => Promise<string>;
  exited: Promise<unknown>;
};

/** Starts `embedded-child.ts`, or that of another checkout with what it has of PostgreSQL, in a process group of its own. */
export function spawnChild(
  options: { dataDir: string; share?: boolean; durable?: boolean },
  { checkout, env = {} }: { checkout?: string; env?: Record<string, string> } = {},
): Child {
  const tsx = createRequire(import.meta.url).resolve("tsx");
  const binDir = process.env["POSTHORN_TEST_POSTGRES_BIN"];
  const settings = JSON.stringify({ ...(binDir && !checkout && { binDir }), ...options });
  const script = join(checkout ?? ROOT, "test/helpers/embedded-child.ts");
  const child = spawn(process.execPath, ["--import", `file://${tsx}`, script, settings], {
    cwd: checkout ?? ROOT,
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  cleanups.push(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  return {
    process: child,
    pid: child.pid ?? 0,
    nextLine: async () => String((await lines.next()).value),
    exited,
  };
}

/** What the child says when it has its database, or was refused it. */
export async function report(child: Child) {
  return JSON.parse(await child.nextLine()) as { url: string; adopted: boolean; error?: string };
}
