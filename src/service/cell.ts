// What a process makes for each of its databases: connections, publishing, keys, contexts, and the loop that delivers.
import { HOME } from "../config/cells.ts";
import { connect, type Connection } from "../database/connect.ts";
import { openPools, type Pools } from "../database/pools.ts";
import type { OpenDatabase } from "../database/open.ts";
import { createReplica, type Replica } from "../database/replica.ts";
import { createClearing } from "../delivery/clearing.ts";
import { createDatabaseClock } from "../delivery/database-clock.ts";
import { createForwarder } from "../delivery/forwarder.ts";
import { startForwarding } from "../delivery/forwarding.ts";
import { createHoldWatch } from "../delivery/hold-watch.ts";
import { startLoop } from "../delivery/loop.ts";
import { createPartitionKeeper } from "../delivery/partition-keeper.ts";
import { callRoll } from "../delivery/roll-call.ts";
import { sendSample } from "../delivery/sample.ts";
import { startSweeper } from "../delivery/sweeper.ts";
import { createTargets } from "../delivery/targets.ts";
import { createTotals } from "../delivery/totals.ts";
import { drawWorker } from "../delivery/worker-name.ts";
import { createPublishes } from "../events/publishes.ts";
import { monotonic } from "../kernel/clock.ts";
import type { FindKey } from "../kernel/scopes.ts";
import { keyFinder } from "../keys/finder.ts";
import { noteUses } from "../keys/last-use.ts";
import type { Metrics } from "../metrics/index.ts";
import { readHold } from "../queue/sending.ts";
import { createWaker } from "../queue/waking.ts";
import { markUsed } from "../store/keys.ts";
import { createContexts, type Contexts } from "./contexts.ts";
import type { Process } from "./process.ts";
import { watchLoop } from "./watching.ts";

export type Cell = Contexts & {
  name: string;
  database: OpenDatabase;
  pools: Pools;
  /** Null where no standby is read from. */
  replica: Replica | null;
  findKey: FindKey;
  tellHold: () => Promise<boolean>;
  /** What other cells' events are stored by: one at a time, and by nothing else, so that no two cells wait for each other. */
  arrivals: Connection;
  /** Starts delivering, and forwarding to the other cells where there are some; answers how to stop it. */
  deliver(others: ((cell: string) => Cell | undefined) | null): () => Promise<void>;
  /** Lets go of the connections; the database is whoever's who opened it. */
  close(): Promise<void>;
};

/** What the log says of a cell beside the home that can't be worked with. */
export const CELL_AWAY =
  "a cell is away: its tenants are answered 503 until it can be worked with; trying on";
const WORDS = { gone: CELL_AWAY, back: "a cell is back" };

/** Creates it; what it counts goes to the process's metrics, which may be made after it. */
export function createCell(
  name: string,
  database: OpenDatabase,
  process: Process,
  metrics: () => Metrics,
): Cell {
  const { role, config, connections, sending, judging, rooms } = process;
  const isHome = name === HOME;
  const log = isHome ? process.log : process.log.child({ cell: name });
  const { directUrl, readUrl, sealer } = database;
  const pools = openPools(database, connections, log, isHome ? undefined : WORDS);
  process.databases.add(database);
  const { publishing, calls, loop, upkeep, direct } = pools;
  const publishes = createPublishes({ publishing, calls }, rooms.open(), monotonic);
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
          answered: (by) => metrics().read(by),
          monotonic,
          log,
        });
  const { presence } = pools;
  const arrivals = connect(database.url, { name: "forwarding", max: 1, log, presence });
  let wake = createWaker(publishing.pool, monotonic); // of a loop elsewhere

  const contexts = createContexts({
    config,
    log,
    calls,
    replica,
    sealer,
    addresses: process.addresses,
    publicUrl: process.publicUrl,
    readHold: askHold,
    sendSample: (log, ...sample) => sendSample({ ...sending, sealer, log }, ...sample),
    publishes,
    waitMs: process.waitMs,
    judging,
    published: (count) => {
      metrics().published(name, count);
      wake();
    },
    wake: () => wake(),
  });

  function forward(others: (cell: string) => Cell | undefined) {
    const between = {
      from: upkeep.pool,
      to: (cell: string) => others(cell)?.arrivals.pool,
      retentionD: config.POSTHORN_RETENTION_D,
      clock: monotonic,
      log,
    };
    const [clear, forwardWaiting] = [createClearing(between), createForwarder(between)];
    return async () => {
      const hasCleared = await clear();
      const done = await forwardWaiting();
      return { ...done, isMore: done.isMore || hasCleared };
    };
  }

  return {
    ...contexts,
    name,
    database,
    pools,
    replica,
    findKey,
    tellHold,
    arrivals,
    close: async () => {
      process.databases.delete(database);
      await replica?.stop();
      await arrivals.close();
      await pools.close();
    },

    deliver(others) {
      const targets = createTargets({ pool: loop.pool, sealer, random: process.random, log });
      loop.pool.on("error", () => targets.forget());
      const totals = createTotals(upkeep.pool, log);
      const forwarding = others && startForwarding(forward(others), log);
      const heard = {
        died: () => delivering.wake(),
        notified() {
          forwarding?.wake();
          delivering.notified();
        },
      };
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
        random: process.random,
        targets,
        concurrency: config.POSTHORN_CONCURRENCY,
        slots: process.slots,
        perWebhook: config.POSTHORN_MAX_IN_FLIGHT_PER_WEBHOOK,
        perHost: config.POSTHORN_MAX_IN_FLIGHT_PER_HOST,
        tracesReceivers: config.POSTHORN_TRACE_RECEIVERS === "on",
        ...watchLoop(metrics(), { cell: name, totals, working: () => sweeper.stir(), log }),
      });
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
          postponed: (days) => metrics().postponed(days),
          log,
        }),
        monotonic,
        ready: () => delivering.wake(),
        tellTotals: () => totals.tell(delivering.unwritten),
        tellHold,
        log,
      });
      wake = () => {
        forwarding?.wake();
        delivering.wake();
      };
      return async () => {
        await Promise.all([delivering.stop(), sweeper.stop(), forwarding?.stop()]);
        await roll?.stop();
      };
    },
  };
}
