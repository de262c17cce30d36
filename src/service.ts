// Wires everything, by hand: what `posthorn serve`, `api` and `worker` run.
import type { RequestListener } from "node:http";

import type { Config } from "./config.ts";
import { createContexts } from "./service/contexts.ts";
import { shareOut, tellConnections, type Connections, type Role } from "./database/connections.ts";
import type { OpenDatabase } from "./database/open.ts";
import { openPools, refuseToStart, warnOfPlans } from "./database/pools.ts";
import { createReplica } from "./database/replica.ts";
import { lasting } from "./database/readiness.ts";
import { createDatabaseClock } from "./delivery/database-clock.ts";
import { startLoop } from "./delivery/loop.ts";
import { callRoll } from "./delivery/roll-call.ts";
import { createHoldWatch } from "./delivery/hold-watch.ts";
import { createPartitionKeeper } from "./delivery/partition-keeper.ts";
import { sendSample } from "./delivery/sample.ts";
import { startSweeper } from "./delivery/sweeper.ts";
import { createTargets } from "./delivery/target.ts";
import { createTotals } from "./delivery/totals.ts";
import { parseCidrs, type AddressRules } from "./egress/address.ts";
import { followAuthorities } from "./egress/authorities.ts";
import { createEgress } from "./egress/client.ts";
import type { Endpoint } from "./egress/endpoint.ts";
import { loopbackAddresses } from "./egress/known-names.ts";
import { createJudging } from "./event-types/judging/index.ts";
import { createPublishes } from "./events/publishes.ts";
import { createApp, createWorkerApp } from "./http/app.ts";
import { listen, probeAddress, urlOf, type Server } from "./http/listen.ts";
import { ensureAdminKey, keyFinder, publishersKeyFinder } from "./keys/finder.ts";
import { noteUses } from "./keys/last-use.ts";
import { monotonic } from "./kernel/clock.ts";
import type { Log } from "./kernel/log.ts";
import { createWaitingRoom, WAIT_MS } from "./kernel/waiting-room.ts";
import type { Report, Scrape } from "./metrics/sum.ts";
import { readHold } from "./queue/sending.ts";
import { createWaker } from "./queue/waking.ts";
import { markUsed } from "./store/keys.ts";
import { openServiceDatabase } from "./service/database.ts";
import type { Housing } from "./service/housing.ts";
import { createWatching, watchLoop } from "./service/watching.ts";
import { drawWorker, workerName } from "./delivery/worker-name.ts";

const RECEIVER_PORT = 9_000; // of `posthorn listen`
const LOOPBACK = "127.0.0.0/8,::1/128";

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
    await refuseToStart(parts.pools, role, connections, config.POSTHORN_PROCESSES);
    if (role === "worker") await warnOfPlans(database.url, log);
    await parts.tellHold();
    await parts.replica?.start();
    const standby = parts.replica && { standby: connections.calls + 1 };
    tellConnections(log, connections, { processes: config.POSTHORN_PROCESSES, more: standby });
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
        : await ensureAdminKey(parts.pools.calls.db, config.POSTHORN_ADMIN_KEY);
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
  const { directUrl, readUrl, sealer, embeddedUrl, endpoints } = database;
  const pools = openPools(database, connections, log);
  const { publishing, calls, loop, upkeep, direct } = pools;
  const judging = createJudging({ monotonic, log });
  const room = createWaitingRoom();
  const publishes = createPublishes({ publishing, calls }, room, monotonic);
  const listeners: Endpoint[] = [];
  const addresses: AddressRules = {
    allow: config.POSTHORN_EGRESS_ALLOW ?? parseCidrs(embeddedUrl === null ? "" : LOOPBACK),
    forbidden: () => [...listeners, ...endpoints()],
  };
  const concurrency = config.POSTHORN_CONCURRENCY;
  const egress = createEgress({
    ...addresses,
    clock: monotonic,
    concurrency,
    ca: followAuthorities(config.POSTHORN_CA_FILE, monotonic, ({ message }) =>
      log.warn({ setting: "POSTHORN_CA_FILE" }, `${message}; those read last stay trusted`),
    ),
    proxy: config.POSTHORN_EGRESS_PROXY,
  });
  const sending = { egress, http: config.POSTHORN_HTTP, worker: workerName() };
  const findKey = keyFinder(
    role === "worker" ? loop.pool : publishing.pool,
    config.POSTHORN_ADMIN_KEY,
    noteUses((ids) => markUsed(role === "api" ? calls.pool : upkeep.pool, ids), monotonic, log),
  );
  const installation = config.POSTHORN_INSTALLATION;
  const askHold = () => readHold(role === "api" ? calls.pool : upkeep.pool, installation);
  const tellHold = createHoldWatch(askHold, log);
  const replica =
    readUrl === null || role === "worker"
      ? null
      : createReplica({
          url: readUrl,
          directUrl,
          primary: publishing.pool,
          connections: connections.calls,
          answered: (by) => metrics.read(by),
          monotonic,
          log,
        });
  const watching = createWatching(role, pools, {
    findKey,
    concurrency,
    installation,
    replica,
    scrapeAll,
  });
  const { metrics, scraping } = watching;
  let wake = createWaker(publishing.pool, monotonic); // of a loop elsewhere
  let isStopping = false;

  const contexts = createContexts({
    config,
    log,
    calls,
    replica,
    sealer,
    addresses,
    publicUrl: () => config.POSTHORN_PUBLIC_URL ?? ownUrl(config, listeners),
    readHold: askHold,
    sendSample: (log, ...sample) => sendSample({ ...sending, sealer, log }, ...sample),
    publishes,
    waitMs,
    judging,
    published: (count) => {
      metrics.published(count);
      wake();
    },
    wake: () => wake(),
  });

  // Calls can wait here for as long as that: elsewhere, where the database is away too, they could not even be made.
  const fault = lasting(role === "worker" ? 0 : waitMs, monotonic, pools.fault);
  const readiness = async () => (isStopping ? "stopping" : ((await fault())?.reason ?? null));

  return {
    pools,
    replica,
    listeners,
    report: metrics.report,
    tellHold,
    reachesLoopback: loopbackAddresses(RECEIVER_PORT, addresses).length > 0,
    app:
      role === "worker"
        ? createWorkerApp({ readiness, metrics: scraping, log })
        : createApp({
            ...contexts,
            findKey,
            findPublishersKey: publishersKeyFinder(findKey, monotonic),
            ratePerKey: config.POSTHORN_RATE_PER_KEY,
            framers: config.POSTHORN_FRAME_ANCESTORS,
            readiness,
            metrics: scraping,
            log,
          }),
    unready() {
      isStopping = true;
      room.close();
    },
    close: async () => {
      await Promise.all([egress.close(), judging.close(), watching.leave(), replica?.stop()]);
      await pools.close();
    },

    /** Starts delivering; answers how to stop it. */
    deliver() {
      const targets = createTargets(loop.db, sealer, log);
      loop.pool.on("error", () => targets.forget());
      const totals = createTotals(upkeep.pool, log);
      const heard = { died: () => delivering.wake(), notified: () => delivering.notified() };
      const roll =
        connections.watch > 0
          ? callRoll({ ...heard, url: directUrl, worker: drawWorker(), monotonic, log })
          : null;
      const delivering = startLoop({
        roll,
        ...sending,
        installation,
        pool: loop.pool,
        db: loop.db,
        judging,
        log,
        monotonic,
        clock: createDatabaseClock(monotonic),
        random: Math.random,
        targets,
        concurrency,
        perWebhook: config.POSTHORN_MAX_IN_FLIGHT_PER_WEBHOOK,
        perHost: config.POSTHORN_MAX_IN_FLIGHT_PER_HOST,
        tracesReceivers: config.POSTHORN_TRACE_RECEIVERS === "on",
        ...watchLoop(metrics, { totals, working: () => sweeper.stir(), log }),
      });
      watching.watch(delivering);
      const sweeper = startSweeper({
        loopPool: loop.pool,
        pool: upkeep.pool,
        idempotencyH: config.POSTHORN_IDEMPOTENCY_H,
        holdH: config.POSTHORN_HOLD_H,
        disableAfterH: config.POSTHORN_DISABLE_AFTER_H,
        retentionD: config.POSTHORN_RETENTION_D,
        keepPartitions: createPartitionKeeper({
          pool: direct.pool,
          retentionD: config.POSTHORN_RETENTION_D,
          payloadRetentionD: config.POSTHORN_PAYLOAD_RETENTION_D,
          postponed: (days) => metrics.postponed(days),
          log,
        }),
        monotonic,
        ready: () => delivering.wake(),
        tellTotals: () => totals.tell(delivering.unwritten),
        tellHold,
        log,
      });
      wake = () => delivering.wake();
      return async () => {
        await Promise.all([delivering.stop(), sweeper.stop()]);
        await roll?.stop();
      };
    },
  };
}

// Where a browser on this machine finds it, unless the configuration says better.
function ownUrl({ HOST, PORT }: Config, [own]: readonly Endpoint[]): string {
  return urlOf({ address: own?.address ?? HOST, port: own?.port ?? PORT });
}
