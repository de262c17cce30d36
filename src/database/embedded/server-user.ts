// Who runs PostgreSQL: it refuses to run as root, so root hands it to somebody else.
import { stat } from "node:fs/promises";

import { StartError } from "../../kernel/errors.ts";
import { run } from "./run.ts";

export type ServerUser = { uid: number; gid: number };

/**
 * Finds the user that owns the cluster and runs the server; undefined means the user that we are.
 * As root that is the owner of a cluster that exists, so that it does not matter who made it; else `postgres` or `nobody`.
 */
export async function findServerUser(clusterDir: string): Promise<ServerUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(clusterDir).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const user = (await userNamed("postgres")) ?? (await userNamed("nobody"));
  if (user !== undefined) return user;
  throw new StartError(
    "the embedded database can't run as root, and there is no user postgres or nobody to run it: start posthorn as an ordinary user, or set DATABASE_URL",
  );
}

async function userNamed(name: string): Promise<ServerUser | undefined> {
  const [uid, gid] = await Promise.all([run("id", ["-u", name]), run("id", ["-g", name])]);
  if (!uid.ok || !gid.ok || Number(uid.stdout) === 0) return undefined;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
