// The database of one row of the table: a PostgreSQL of its own, or the one that an all-in-one service runs for itself.
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SUPERUSER } from "../src/database/embedded/cluster.ts";
import { clusterIn } from "../src/database/embedded/place.ts";
import { findPostmaster } from "../src/database/embedded/postmaster.ts";
import { SOCKET_PORT } from "../src/database/embedded/socket-dir.ts";
import { stopServer } from "../src/database/embedded/server.ts";
import { startPostgres, type Postgres } from "../test/helpers/postgres.ts";

export type Database = {
  socketFile(): string;
  /** What the service is told of it, given the proxy's port. */
  env(proxyPort: number): Record<string, string>;
  /** Null where the service itself starts and stops it. */
  server: Postgres | null;
  /** Finds the server that a service has started. */
  look(): Promise<void>;
  remove(): Promise<void>;
};

/** The database behind the proxy's port. */
export const proxied = (port: number): string =>
  `postgres://${SUPERUSER}@127.0.0.1:${port}/posthorn?sslmode=disable`;

/** Starts a server: durable, as it would be run. */
export async function ownDatabase(
  options: { dataDir?: string; settings?: Record<string, string | number> } = {},
): Promise<Database> {
  const server = await startPostgres({ durable: true, ...options });
  const socketDir = new URL(server.url).searchParams.get("host") ?? "";
  return {
    socketFile: () => socketFileIn(socketDir),
    env: (port) => ({ DATABASE_URL: proxied(port) }),
    server,
    look: async () => {},
    remove: () => server.remove(),
  };
}

/** A data folder for a service that brings its own database. */
export async function embeddedDatabase(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), "posthorn-chaos-"));
  await chmod(folder, 0o755); // under root the server is another user's
  const dataDir = join(folder, "data");
  let socketDir = "";
  return {
    socketFile: () => socketFileIn(socketDir),
    env: () => ({ POSTHORN_DATA_DIR: dataDir }),
    server: null,
    async look() {
      socketDir = (await findPostmaster(clusterIn(dataDir)))?.socketDir ?? "";
    },
    async remove() {
      await stopServer(clusterIn(dataDir));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const socketFileIn = (socketDir: string) => join(socketDir, `.s.PGSQL.${SOCKET_PORT}`);
