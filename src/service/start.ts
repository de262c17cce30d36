// Posthorn inside somebody else's process: nothing of that process is changed, and nothing of its environment is read.
// The types name none of the service's own, which reach a database driver's: whoever compiles has none of those.
import type { RequestListener } from "node:http";

import { readSettings, type Settings } from "../config.ts";
import { StartError } from "../kernel/errors.ts";
import { createLog } from "../kernel/log.ts";
import { startService } from "../service.ts";

export type StartOptions = {
  /** The API and the delivery loop, which is what is meant unless said; or one of them alone. */
  role?: "serve" | "api" | "worker" | undefined;
  /** Whether it listens on HOST and PORT itself. Without, mount `app` in a server of your own. */
  listen?: boolean | undefined;
  /** Where the log's lines of JSON go, in place of stdout. */
  log?: { write(line: string): void } | undefined;
};

export type Posthorn = {
  /** Where it listens; empty where it doesn't. */
  url: string;
  /** For `app.use("/webhooks", posthorn.app)` of Express, or `http.createServer(posthorn.app)`. */
  app: RequestListener;
  /** The admin key, where this start has made one: the only time that it can be shown. */
  newAdminKey: string | null;
  /** For psql, where the embedded database is used. */
  embeddedUrl: string | null;
  /** Resolves where the embedded database has ended and can't be started again. */
  lost: Promise<Error> | null;
  /** Readiness off, what is in flight finished, the rest given back, the database closed. */
  stop(): Promise<void>;
};

/** See `startPosthorn` in index.ts. */
export async function start(
  settings: Settings,
  { role = "serve", listen = true, log }: StartOptions,
): Promise<Posthorn> {
  const config = readSettings(settings);
  if (config.POSTHORN_PROCESSES > 1)
    throw new StartError(
      `POSTHORN_PROCESSES: a program of yours is one process; run posthorn worker beside it with ${config.POSTHORN_PROCESSES}`,
    );
  const { url, app, newAdminKey, embeddedUrl, lost, stop } = await startService(
    role,
    config,
    createLog(config.LOG_LEVEL, log),
    { listens: listen, guest: true },
  );
  return { url, app, newAdminKey, embeddedUrl, lost, stop };
}
