// The service's database: the one that DATABASE_URL names, or the embedded one with a secrets key of its own.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { watchEndpoints } from "./endpoints.ts";
import type { Endpoint } from "../egress/endpoint.ts";
import { StartError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { prepareDatabase, type PrepareOptions } from "./prepare.ts";
import { startEmbedded } from "./embedded.ts";
import { behindPooler, type Pooler } from "./pooler.ts";
import { createSealer, type Sealer } from "./sealed.ts";
import type { PublishSettings } from "./settings.ts";
import { inOneLine } from "./one-line.ts";
import { findStraightWay, findWay } from "./ways.ts";

const SECRETS_KEY_FILE = "secrets.key";
const SECRETS_KEY_BYTES = 32;

export type ReachedDatabase = {
  url: string;
  /** The same past any pooler, for what needs a session of its own. */
  directUrl: string;
  /** The same, where the database is the embedded one. */
  embeddedUrl: string | null;
  /** A standby of it that may be read from, by DATABASE_READ_URL. */
  readUrl: string | null;
  /** Resolves where the embedded one has ended and can't be started again; null where there is none of ours. */
  lost: Promise<Error> | null;
  /** Lets go of it, and stops the embedded one. */
  close(): Promise<void>;
};

export type OpenDatabase = ReachedDatabase & {
  sealer: Sealer;
  /** Where it listens now: never to be sent to. The embedded one listens on a socket file alone. */
  endpoints(): Endpoint[];
};

/** The settings that say which database it is: of config.ts. */
export type DatabaseSettings = {
  /** Null for the embedded one. */
  DATABASE_URL: string | null;
  DATABASE_DIRECT_URL: string | null;
  DATABASE_READ_URL: string | null;
  POSTHORN_POOLER: Pooler | null;
  POSTHORN_DATA_DIR: string;
  /** Newest first; null for the one in the data folder. */
  POSTHORN_SECRETS_KEY: [Buffer, ...Buffer[]] | null;
};

type OpenOptions = Pick<PrepareOptions, "seed" | "daysAhead"> & {
  /** Joins a service that runs on the same folder. */
  share?: boolean;
  /** Runs in somebody else's process. */
  guest?: boolean;
  /** Where the embedded one is run by another process, which has the running of it. */
  embeddedUrl?: string | null;
  /** What publish() goes by from now on: a service's to say. A command that ends leaves that as it is. */
  settings?: PublishSettings;
};

/** Opens the database and brings it up to this program. */
export async function openDatabase(
  config: DatabaseSettings,
  log: Log,
  { share = false, guest = false, embeddedUrl = null, settings, ...options }: OpenOptions,
): Promise<OpenDatabase> {
  if (config.DATABASE_URL !== null) secretsKeys(config); // before anything is done
  const reached = await reachDatabase(config, log, { share, guest, embeddedUrl });
  try {
    const sealer = createSealer(secretsKeys(config));
    const { url: directUrl } = await prepareDatabase(reached.directUrl, {
      log,
      sealer,
      setting: directSetting(reached),
      ...options,
      ...(settings && { settings }),
    });
    if (reached.embeddedUrl !== null) return { ...reached, sealer, endpoints: () => [] };
    const url = await findUrl(reached, directUrl);
    const watched = await Promise.all(
      [...new Set([url, directUrl, reached.readUrl ?? url])].map((each) =>
        watchEndpoints(each, log),
      ),
    );
    return {
      ...reached,
      url,
      directUrl,
      sealer,
      endpoints: () => watched.flatMap((each) => each.current()),
      close: () => Promise.resolve(watched.forEach((each) => each.close())),
    };
  } catch (error) {
    await reached.close();
    throw error;
  }
}

const isApart = ({ url, directUrl }: ReachedDatabase) => url !== directUrl;
const directSetting = (reached: ReachedDatabase) =>
  isApart(reached) ? "DATABASE_DIRECT_URL" : "DATABASE_URL";

/** Both ways to a database as it was reached, as every connection after it uses them. Throws a StartError of one line. */
export async function findWays(
  reached: ReachedDatabase,
): Promise<Pick<ReachedDatabase, "url" | "directUrl">> {
  const directUrl = await inOneLine(findStraightWay(reached.directUrl), directSetting(reached));
  return { url: await findUrl(reached, directUrl), directUrl };
}

const findUrl = (reached: ReachedDatabase, directUrl: string) =>
  isApart(reached)
    ? findWay(reached.url, directUrl, "DATABASE_URL", "DATABASE_DIRECT_URL")
    : Promise.resolve(directUrl);

/** The database as it is found, with nothing known of its secrets: the one that DATABASE_URL names, or the embedded one. */
export async function reachDatabase(
  config: DatabaseSettings,
  log: Log,
  {
    share,
    guest = false,
    embeddedUrl: running = null,
  }: { share: boolean; guest?: boolean; embeddedUrl?: string | null },
): Promise<ReachedDatabase> {
  const { DATABASE_URL: url, DATABASE_READ_URL: readUrl, POSTHORN_DATA_DIR: folder } = config;
  if (url !== null)
    return {
      url: behindPooler(url, config.POSTHORN_POOLER),
      directUrl: config.DATABASE_DIRECT_URL ?? url,
      readUrl: readUrl && behindPooler(readUrl, config.POSTHORN_POOLER),
      embeddedUrl: null,
      lost: null,
      close: () => Promise.resolve(),
    };
  if (running !== null)
    return { ...embeddedAt(running), lost: null, close: () => Promise.resolve() };
  const embedded = await startEmbedded({ dataDir: resolve(folder), share, guest, log });
  const { url: embeddedUrl, lost } = embedded;
  return { ...embeddedAt(embeddedUrl), lost, close: () => embedded.stop() };
}

const embeddedAt = (url: string) => ({ url, directUrl: url, readUrl: null, embeddedUrl: url });

/** The keys of its secrets, the newest first; one is made for an embedded database that has none yet, unless only looked for. */
export function secretsKeys(
  config: DatabaseSettings,
  { make = true }: { make?: boolean } = {},
): [Buffer, ...Buffer[]] {
  if (config.POSTHORN_SECRETS_KEY) return config.POSTHORN_SECRETS_KEY;
  if (config.DATABASE_URL === null) return [ownKey(resolve(config.POSTHORN_DATA_DIR), make)];
  throw new StartError(
    "POSTHORN_SECRETS_KEY: needed with DATABASE_URL; make one with: openssl rand -base64 32, and keep it, or stored keys can't be read",
  );
}

// Beside the database and not in it, so that a copy of the one alone reveals nothing.
function ownKey(dataDir: string, make: boolean): Buffer {
  const file = join(dataDir, SECRETS_KEY_FILE);
  if (!make && !existsSync(file))
    throw new StartError(`POSTHORN_DATA_DIR: ${file} is not there; restore it from a backup`);
  try {
    mkdirSync(dataDir, { recursive: true });
    const made = randomBytes(SECRETS_KEY_BYTES).toString("base64");
    writeFileSync(file, `${made}\n`, { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST")
      throw new StartError(
        `POSTHORN_DATA_DIR: ${file} can't be written: ${(error as Error).message}`,
      );
  }
  const key = Buffer.from(readFileSync(file, "utf8").trim(), "base64");
  if (key.length === SECRETS_KEY_BYTES) return key;
  throw new StartError(
    `POSTHORN_DATA_DIR: ${file} is not a secrets key of 32 bytes in base64; restore it from a backup`,
  );
}
