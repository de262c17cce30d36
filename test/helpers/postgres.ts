// A PostgreSQL of a test's own, that can be stopped at once and started again at the same address.
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import pg from "pg";

import { silentLog } from "../../src/kernel/log.ts";
import { startEmbedded } from "../../src/database/embedded.ts";
import { findBinaries } from "../../src/database/embedded/binaries.ts";
import { preparePlace } from "../../src/database/embedded/place.ts";
import { findPostmaster } from "../../src/database/embedded/postmaster.ts";
import { SERVER_ENV } from "../../src/database/embedded/run.ts";
import { socketUrl } from "../../src/database/embedded/session.ts";
import { serverArguments } from "../../src/database/embedded/settings.ts";
import { makeSocketDir, removeSocketDir } from "../../src/database/embedded/socket-dir.ts";

const UP = ["ready", "standby"];

export type Postgres = {
  /** The same whenever it runs. */
  url: string;
  dataDir: string;
  start(): Promise<void>;
  /** `fast` rolls back and writes all down; `immediate` is a crash: the next start replays the log. */
  stop(how: "fast" | "immediate"): Promise<void>;
  /** False from its end on, whatever ended it. */
  isRunning(): boolean;
  /** Stops it for good, and removes it. */
  remove(): Promise<void>;
};

/**
 * Makes a server and starts it. What it commits outlives its own crash; the machine's only where it is `durable`.
 * `settings` are PostgreSQL's, by name.
 */
export async function startPostgres({
  dataDir: given,
  isMade = false,
  binDir = process.env["POSTHORN_TEST_POSTGRES_BIN"],
  durable = false,
  settings = {},
}: {
  dataDir?: string;
  /** Whether a cluster is there already, to be left as it is. */
  isMade?: boolean;
  /** Where another PostgreSQL's programs are. */
  binDir?: string | undefined;
  durable?: boolean;
  settings?: Record<string, string | number>;
} = {}): Promise<Postgres> {
  const dataDir = given ?? (await mkdtemp(join(tmpdir(), "posthorn-own-")));
  await chmod(dataDir, 0o755); // under root the server is another user's
  if (!isMade) await makeCluster(dataDir, binDir);

  const place = await preparePlace(dataDir, { binDir, durable: true });
  const { clusterDir, user } = place;
  const { major, binDir: programs } = await findBinaries(place);
  const socketDir = await makeSocketDir(place);
  const args = serverArguments({ clusterDir, socketDir, durable: true, major });
  for (const [name, value] of Object.entries({ ...(!durable && { fsync: "off" }), ...settings }))
    args.push("-c", `${name}=${value}`);
  let server: ChildProcess | undefined;

  async function start(): Promise<void> {
    const child = spawn(join(programs, "postgres"), args, {
      cwd: "/",
      env: SERVER_ENV,
      stdio: "ignore",
      ...user,
    });
    server = child;
    while (!UP.includes((await findPostmaster(clusterDir))?.status ?? "")) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL ended with ${child.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  const isRunning = () => server?.exitCode === null && server.signalCode === null;

  async function stop(how: "fast" | "immediate"): Promise<void> {
    if (!server || !isRunning()) return;
    const exited = once(server, "exit");
    server.kill(how === "fast" ? "SIGINT" : "SIGQUIT");
    await exited;
  }

  await start();
  return {
    url: socketUrl(socketDir),
    dataDir,
    start,
    stop,
    isRunning,
    async remove() {
      await stop("immediate");
      await removeSocketDir(socketDir, server?.pid ?? 0);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function makeCluster(dataDir: string, binDir: string | undefined): Promise<void> {
  const bin = binDir ? { binDir } : {};
  await (await startEmbedded({ dataDir, durable: false, log: silentLog, ...bin })).stop();
}

/** Starts a standby of a server, by streaming: made of a copy, for which the server is stopped a moment. */
export async function startStandby(primary: Postgres): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-standby-"));
  await chmod(folder, 0o755);
  const dataDir = join(folder, "data");
  await primary.stop("fast");
  await promisify(execFile)("cp", ["-a", primary.dataDir, dataDir]);
  await primary.start();
  await writeFile(join(dataDir, "postgres", "standby.signal"), "");
  const { host, port, user } = new pg.Client({ connectionString: primary.url });
  const settings = { primary_conninfo: `host=${host} port=${port} user=${user}` };
  const standby = await startPostgres({ dataDir, isMade: true, settings });
  const remove = async () => {
    await standby.remove();
    await rm(folder, { recursive: true, force: true });
  };
  return { ...standby, remove };
}
