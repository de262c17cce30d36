// Stops a server that nobody else uses.
import type pg from "pg";

import { isLast } from "./ownership.ts";
import { findPostmaster } from "./postmaster.ts";
import { openSession } from "./session.ts";
import { stopServer } from "./stop-server.ts";

/** Stops the server unless somebody else uses it, while `session` keeps them out; answers false where it can't be stopped. */
export async function stopUnlessUsed(session: pg.Client, clusterDir: string): Promise<boolean> {
  const last = await isLast(session).catch(() => false); // the session is lost: so is the server, or it restarts
  return !last || stopServer(clusterDir);
}

/** Stops the server, for one who holds no session in it, unless somebody else uses it. */
export async function stopUnused(clusterDir: string): Promise<boolean> {
  const postmaster = await findPostmaster(clusterDir);
  if (postmaster === undefined) return true;
  const session = await openSession(postmaster.socketDir).catch(() => undefined);
  if (session === undefined) return stopServer(clusterDir); // nobody else gets in either
  return stopUnlessUsed(session, clusterDir).finally(() => session.end().catch(() => undefined));
}
