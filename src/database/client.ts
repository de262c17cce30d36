// One connection, for what needs its own: with the settings that every session of ours has.
import pg from "pg";

import { SECOND } from "../kernel/duration.ts";
import { sessionSettings } from "./session-settings.ts";
import { forDriver } from "./tls.ts";

const CONNECT_TIMEOUT_MS = 10 * SECOND;

/** Connects. A connection that is lost later shows at its next statement. */
export async function openClient(url: string, name: string): Promise<pg.Client> {
  const session = sessionSettings(url, name);
  const client = new pg.Client({
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...session.config,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    await session.check(client);
  } catch (error) {
    await client.end().catch(() => {});
    throw error;
  }
  return client;
}

/**
 * Connects as an application of somebody's own would, with the settings that its role and its database have: for statements
 * that a person types, in which `orders` is whatever his search path says.
 */
export async function openAsApplication(url: string, name: string): Promise<pg.Client> {
  const client = new pg.Client({
    ...forDriver(url),
    application_name: `posthorn ${name}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}
