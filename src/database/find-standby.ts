// DATABASE_READ_URL: whether it leads to a standby of the database that DATABASE_URL leads to.
import { StartError } from "../kernel/errors.ts";
import { openClient } from "./client.ts";
import { findWay } from "./ways.ts";

export type FoundStandby = {
  /** As every connection after it uses it. */
  url: string;
  /** The cluster that it is of, as PostgreSQL names it. */
  cluster: string;
};

/**
 * Finds it. Throws a StartError, one line, where it is another database, or a copy that takes writes of its own. The primary
 * itself is no such: an address of standbys leads to it while there is none.
 */
export async function findStandby(given: string, directUrl: string): Promise<FoundStandby> {
  const url = await findWay(given, directUrl, "DATABASE_READ_URL", "DATABASE_URL");
  const [found, primary] = [await serverAt(url), await serverAt(directUrl)];
  if (!found.is_standby && found.started_at !== primary.started_at)
    throw new StartError(
      "DATABASE_READ_URL: it leads to a copy of DATABASE_URL's database that takes writes of its own: lead it to a standby, or leave it out",
    );
  return { url, cluster: found.cluster };
}

type Server = { is_standby: boolean; started_at: string; cluster: string };

async function serverAt(url: string): Promise<Server> {
  const client = await openClient(url, "look");
  try {
    const { rows } = await client.query<Server>(
      `select pg_is_in_recovery() as is_standby, pg_postmaster_start_time()::text as started_at,
         (select system_identifier::text from pg_control_system()) as cluster`,
    );
    const [server] = rows;
    if (!server) throw new Error("the server answered nothing about itself");
    return server;
  } finally {
    await client.end().catch(() => {});
  }
}
