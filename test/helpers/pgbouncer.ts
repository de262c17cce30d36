// A PgBouncer of a test's own, on a socket file in a temporary folder, that can be killed and started again.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import pg from "pg";

const PORT = 6432; // of the socket file's name alone
const LOOK_MS = 10;

export type PgBouncer = {
  /** Leads to the database of a URL, as its user, through here. */
  url(target: string): string;
  start(): Promise<void>;
  /** As by kill -9: whoever is connected is cut off. */
  kill(): Promise<void>;
  /** Ends it, and removes it. */
  remove(): Promise<void>;
};

const ENV = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin` }; // where Debian has it

/** Whether there is one to start. */
export const isInstalled = (): boolean => version() !== undefined;

/** Whether the PgBouncer that is installed keeps the prepared statements of its clients apart: since 1.21. */
export function keepsNames(): boolean {
  const [major = 0, minor = 0] = version() ?? [];
  return major > 1 || minor >= 21;
}

function version(): number[] | undefined {
  const { stdout } = spawnSync("pgbouncer", ["--version"], { encoding: "utf8", env: ENV });
  return /PgBouncer (\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number);
}

/** Starts it in front of the server of `server`, whose roles it trusts; `settings` are its own, by name. */
export async function startPgBouncer(
  server: string,
  settings: Record<string, string | number> = {},
): Promise<PgBouncer> {
  const { host, port } = new pg.Client({ connectionString: server });
  const folder = await mkdtemp(join(tmpdir(), "posthorn-pooler-"));
  const { uid, gid } = await stat(host); // who runs the server may connect to its socket; root runs no pooler
  const users = join(folder, "users.txt");
  const file = join(folder, "pgbouncer.ini");
  const lines = Object.entries({
    listen_addr: "",
    listen_port: PORT,
    unix_socket_dir: folder,
    auth_type: "trust",
    auth_file: users,
    pool_mode: "transaction",
    default_pool_size: 5,
    server_login_retry: 1,
    ...settings,
  }).map(([name, value]) => `${name} = ${value}`);
  await writeFile(
    file,
    `[databases]\n* = host=${host} port=${port}\n[pgbouncer]\n${lines.join("\n")}\n`,
  );
  const roles = await rolesOf(server);
  await writeFile(users, roles.map((role) => `"${role}" ""\n`).join(""));
  for (const path of [folder, file, users]) await chown(path, uid, gid);
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const started = spawn("pgbouncer", [file], {
      cwd: "/",
      env: ENV,
      stdio: "ignore",
      ...(process.getuid?.() === 0 && { uid, gid }),
    });
    child = started;
    while (!(await isListening(join(folder, `.s.PGSQL.${PORT}`)))) {
      if (started.exitCode !== null) throw new Error(`pgbouncer ended with ${started.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async function kill(): Promise<void> {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  await start();
  return {
    url(target) {
      const { user = "", database = "" } = new pg.Client({ connectionString: target });
      return `postgres://${user}@/${database}?host=${folder}&port=${PORT}`;
    },
    start,
    kill,
    async remove() {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function rolesOf(server: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    "select rolname as name from pg_roles where rolcanlogin",
  );
  await client.end();
  return rows.map(({ name }) => name);
}

async function isListening(path: string): Promise<boolean> {
  const socket = net.connect(path);
  const [word] = await Promise.race([
    once(socket, "connect").then(() => ["connect"]),
    once(socket, "close"),
  ]).catch(() => [undefined]);
  socket.destroy();
  return word === "connect";
}
