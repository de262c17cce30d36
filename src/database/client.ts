// One connection, for what needs its own: each with the settings that every session of ours has.
import pg from "pg";

import { SECOND } from "../kernel/duration.ts";
import { sessionSettings, type Settings } from "./session-settings.ts";

const CONNECT_TIMEOUT_MS = 10 * SECOND;

/** Connects. One that is lost later shows at its next statement. `driver` is what the driver goes by beside the settings. */
export async function openClient(
  url: string,
  name: string,
  settings: Settings = {},
  driver: pg.ClientConfig = {},
): Promise<pg.Client> {
  const session = sessionSettings(url, name, settings);
  const client = new pg.Client({
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    ...session.config,
    ...driver,
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
