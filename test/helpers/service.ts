// A running service for a test: all of it, on a database of its own and a free port of the loopback.
import { randomBytes } from "node:crypto";

import pg from "pg";

import { loadConfig } from "../../src/config.ts";
import { silentLog, type Log } from "../../src/kernel/log.ts";
import { startService, type Role } from "../../src/service.ts";
import { createTestDatabase } from "./database.ts";

export type TestService = {
  url: string;
  adminKey: string;
  databaseUrl: string;
  /** A session of its database, which ends with the service. */
  connect(): Promise<pg.Client>;
  /** Stops the service and drops the database that was made for it. */
  stop(): Promise<void>;
};

/** The same in every service, so that a second one on the same database reads what the first has sealed. */
export const SECRETS_KEY = Buffer.alloc(32, 7).toString("base64");

/**
 * Starts the service in this process; it may send to receivers on the loopback. `overrides` are settings as the
 * environment gives them: with `DATABASE_URL` the service joins that database, which then outlives it.
 */
export async function startTestService(
  overrides: Record<string, string> = {},
  { role = "serve", log = silentLog, waitMs }: { role?: Role; log?: Log; waitMs?: number } = {},
): Promise<TestService> {
  const own = overrides["DATABASE_URL"] === undefined ? await createTestDatabase() : undefined;
  const env = {
    DATABASE_URL: own?.url,
    PORT: "0",
    POSTHORN_ADMIN_KEY: `test_${randomBytes(16).toString("hex")}`,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8,::1/128",
    ...overrides,
  };
  try {
    const service = await startService(role, loadConfig(env), log, {
      ...(waitMs !== undefined && { waitMs }),
    });
    const clients: pg.Client[] = [];
    const connect = async () => {
      const client = new pg.Client({ connectionString: env.DATABASE_URL });
      clients.push(client);
      await client.connect();
      return client;
    };
    const stop = async () => {
      await Promise.all(clients.map((client) => client.end()));
      await service.stop();
      await own?.drop();
    };
    return {
      url: service.url,
      adminKey: env.POSTHORN_ADMIN_KEY,
      databaseUrl: env.DATABASE_URL ?? "",
      connect,
      stop,
    };
  } catch (error) {
    await own?.drop();
    throw error;
  }
}
