// What a role has to set for its sessions where a pooler hands them around, and what one of workers alone better sets, too.
import pg from "pg";

import { WORKERS_PLANS } from "./connect.ts";
import { BEHIND_POOLER, missingIn, sessionSettings, type Missing } from "./session-settings.ts";

/** What sessions need behind a pooler, and what makes a worker's plans the ones that were tried. */
export const ROLE_SETTINGS = { needed: BEHIND_POOLER, plans: WORKERS_PLANS };

/** What of these the sessions by a URL that leads to a pooler do not have. */
export async function lackingAt(
  url: string,
  settings: keyof typeof ROLE_SETTINGS,
): Promise<Missing[]> {
  const client = new pg.Client(sessionSettings(url, "look").config);
  client.on("error", () => {}); // one that is lost shows at its next statement
  try {
    await client.connect();
    return await missingIn(client, ROLE_SETTINGS[settings]);
  } finally {
    await client.end().catch(() => {});
  }
}
