// Wires everything, by hand: what `posthorn serve`, `api` and `worker` run.
import type { RequestListener } from "node:http";

import type { Config } from "./config.ts";
import { HOME } from "./config/cells.ts";
import { shareOut, tellConnections, type Connections, type Role } from "./database/connections.ts";
import type { OpenDatabase } from "./database/open.ts";
import { refuseToStart, warnOfPlans } from "./database/pools.ts";
import { lasting } from "./database/readiness.ts";
import { loopbackAddresses } from "./egress/known-names.ts";
import { createApp, createWorkerApp } from "./http/app.ts";
import { listen, probeAddress, type Server } from "./http/listen.ts";
import { ensureAdminKey } from "./keys/finder.ts";
import { monotonic } from "./kernel/clock.ts";
import type { Log } from "./kernel/log.ts";
import { WAIT_MS } from "./kernel/waiting-room.ts";
import type { Report, Scrape } from "./metrics/sum.ts";
import { createCell } from "./service/cell.ts";
import { createCells } from "./service/cells.ts";
import { openServiceDatabase } from "./service/database.ts";
import type { Housing } from "./service/housing.ts";
import { createProcess } from "./service/process.ts";
import { createWatching } from "./service/watching.ts";

const RECEIVER_PORT = 9_000; // of `posthorn listen`

export type { Role };

export type Service = {
  /** Where it listens; empty where it doesn't. */
  url: string;
  /** What it serves there: for a server of somebody else's, too. */
  app: RequestListener;
  /** The admin key, where this start has made one: the only time that it can be shown. */
  newAdminKey: string | null;
  /** For psql, where the embedded database is used. */
  embeddedUrl: string | null;
  /** Whether a receiver on this machine may be sent to. */
  reachesLoopback: boolean;
  /** Resolves where the embedded database has ended and can't be started again: then nothing goes on. */
  lost: Promise<Error> | null;
  /** What it tells of itself, to be added up. */
  report(): Promise<Report>;
  /** Readiness off, what is in flight finished, the rest given back, the database closed. */
  stop(): Promise<void>;
};

/** Starts the service. Throws a StartError, one line, where it can't. */
export async function startService(
  role: Role,
  config: Config,
  log: Log,
  { listens = true, guest = false, waitMs = WAIT_MS, supervisor }: Housing = {},
): Promise<Service> {
  const undo: (() => Promise<unknown>)[] = []; // how to stop what has started, the last first
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    // Before a database is made or migrated for nothing.
    if (listens && !supervisor) await probeAddress(config.HOST, config.PORT);
    const embeddedUrl = supervisor?.embeddedUrl ?? null;
    const database = await openServiceDatabase(config, log, { guest, embeddedUrl });
    undo.push(() => database.close());
    const connections = shareOut(role, config.POSTHORN_CONNECTIONS);
    const parts = createParts(role, config, log, database, connections, {
      waitMs,
      scrapeAll: supervisor?.scrape,
    });
    const servers: Server[] = [];
    undo.push(() => Promise.all(servers.map((each) => each.close())));
    undo.push(() => parts.close()); // by which what is open still is answered
    const { home, cells } = parts;
    await refuseToStart(home.pools, role, connections, config.POSTHORN_PROCESSES);
    if (role === "worker") await warnOfPlans(database.url, log);
    await home.tellHold();
    await home.replica?.start();
    await cells.open();
    const hasStandby = config.DATABASE_READ_URL !== null || config.POSTHORN_CELLS_READ !== null;
    const standby = role !== "worker" && hasStandby ? { standby: connections.calls + 1 } : null;
    tellConnections(log, connections, {
      processes: config.POSTHORN_PROCESSES,
      cells: 1 + (config.POSTHORN_CELLS?.length ?? 0),
      more: standby,
    });
    const server = listens ? await listen(parts.app, config.HOST, config.PORT) : undefined;
    if (server) {
      servers.push(server);
      undo.push(() => server.drain());
      parts.listeners.push(server.address);
    }
    // The last that can fail: it is shown once, and never where the start goes no further.
    const newAdminKey =
      role === "worker"
        ? null
        : await ensureAdminKey(home.pools.calls.db, config.POSTHORN_ADMIN_KEY);
    if (role !== "api") undo.push(parts.deliver());
    undo.push(() => Promise.resolve(parts.unready()));
    const { app, reachesLoopback, report } = parts;
    const url = server?.url ?? "";
    const { embeddedUrl: shownUrl, lost } = database;
    return { url, app, newAdminKey, embeddedUrl: shownUrl, reachesLoopback, lost, report, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function createParts(
  role: Role,
  config: Config,
  log: Log,
  database: OpenDatabase,
  connections: Connections,
  { waitMs, scrapeAll }: { waitMs: number; scrapeAll: (() => Promise<Scrape>) | undefined },
) {
  const isEmbedded = database.embeddedUrl !== null;
  const process = createProcess(role, config, log, {
    connections,
    waitMs,
    isEmbedded,
    random: Math.random,
  });
  const create = (name: string, its: OpenDatabase) => createCell(name, its, process, () => metrics);
  const home = create(HOME, database);
  const cells = createCells(home, config, log, create);
  const watching = createWatching(role, cells, {
    concurrency: config.POSTHORN_CONCURRENCY,
    installation: config.POSTHORN_INSTALLATION,
    scrapeAll,
  });
  const { metrics, scraping } = watching;
  let isStopping = false;

  // Calls can wait here for as long as that: elsewhere, where the database is away too, they could not even be made.
  const fault = lasting(role === "worker" ? 0 : waitMs, monotonic, home.pools.fault);
  const readiness = async () => ({
    reason: isStopping ? "stopping" : ((await fault())?.reason ?? null),
    cells: cells.up(),
  });

  return {
    home,
    cells,
    listeners: process.listeners,
    report: metrics.report,
    reachesLoopback: loopbackAddresses(RECEIVER_PORT, process.addresses).length > 0,
    app:
      role === "worker"
        ? createWorkerApp({ readiness, metrics: scraping, log })
        : createApp({
            ...cells,
            ratePerKey: config.POSTHORN_RATE_PER_KEY,
            framers: config.POSTHORN_FRAME_ANCESTORS,
            readiness,
            metrics: scraping,
            log,
          }),
    unready() {
      isStopping = true;
      process.rooms.close();
    },
    close: async () => {
      await Promise.all([process.close(), watching.leave()]);
      await cells.close();
    },

    /** Starts delivering; answers how to stop it. */
    deliver() {
      watching.watch({
        get inFlight() {
          return process.slots.size;
        },
      });
      return cells.deliver();
    },
  };
}
