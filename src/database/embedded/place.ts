// Where everything of one data folder is, who runs it, and how long the start may take.
import { join, resolve } from "node:path";

import { clusterIn, prepareDataDir } from "./data-dir.ts";
import { findServerUser, type ServerUser } from "./server-user.ts";

export type Place = {
  dataDir: string;
  clusterDir: string;
  logPath: string;
  copiesDir: string;
  user: ServerUser | undefined;
  binDir: string | undefined;
  durable: boolean;
  /** Of the server that ended, where it is started again. */
  socketDir?: string;
  readyBy: number;
};

/** Makes the data folder ready and answers what is where in it. */
export async function preparePlace(options: {
  dataDir: string;
  binDir?: string;
  durable?: boolean;
  readyBy: number;
}): Promise<Place> {
  const { binDir, durable = true, readyBy } = options;
  const user = await findServerUser(clusterIn(resolve(options.dataDir)));
  const dataDir = await prepareDataDir(options.dataDir, user);
  return {
    dataDir,
    clusterDir: clusterIn(dataDir),
    logPath: join(dataDir, "postgres.log"),
    copiesDir: join(dataDir, "postgres-binaries"),
    user,
    binDir,
    durable,
    readyBy,
  };
}
