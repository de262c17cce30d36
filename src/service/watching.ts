// Wires what is seen of a process from outside: its metrics, its traces, and its log of attempts that failed.
import { randomInt } from "node:crypto";

import type { Role } from "../database/connections.ts";
import type { Pools } from "../database/pools.ts";
import type { Replica } from "../database/replica.ts";
import type { LoopOptions } from "../delivery/loop.ts";
import { tellFailed } from "../delivery/tell-failed.ts";
import type { Totals } from "../delivery/totals.ts";
import type { MetricsOptions } from "../http/metrics.ts";
import { rememberScrapers } from "../keys/scrapers.ts";
import { monotonic } from "../kernel/clock.ts";
import { SessionRefused } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import type { FindKey } from "../kernel/scopes.ts";
import { createMetrics, type Metrics } from "../metrics/index.ts";
import { createLook, type Look } from "../metrics/look.ts";
import { printSum, type Scrape } from "../metrics/sum.ts";
import { traceClaim, traceSettle } from "../tracing/index.ts";

const WHO_MAX = 2 ** 31; // a process's name among those that scrape: PostgreSQL's integer
const SCRAPER = { tenant: "", key: "metrics" };

/** The databases of a process, as far as they are watched. */
type Watched = {
  findKey: FindKey;
  names: readonly string[];
  opened(name: string): { pools: Pools; replica: Replica | null } | undefined;
  up(): Readonly<Record<string, boolean>>;
};

export type Watching = {
  metrics: Metrics;
  scraping: MetricsOptions;
  /** Asks the loop from now on how many requests it has under way. */
  watch(loop: { readonly inFlight: number }): void;
  /** Leaves the series of the databases to other processes. */
  leave(): Promise<void>;
};

/** Creates the metrics of a process, and who may read them. */
export function createWatching(
  role: Role,
  { names, opened, up, findKey }: Watched,
  {
    concurrency,
    installation,
    scrapeAll,
  }: {
    concurrency: number;
    installation: string | null;
    /** Asks whoever adds up what several processes tell. */
    scrapeAll: (() => Promise<Scrape>) | undefined;
  },
): Watching {
  const who = randomInt(WHO_MAX);
  const looks = new Map(names.map((name) => [name, lookAt(name)]));
  function lookAt(name: string): Look {
    let look: Look | undefined;
    function found(): Look {
      const cell = opened(name);
      if (!cell) throw new SessionRefused(`the cell ${name} is away`);
      const { calls, upkeep } = cell.pools;
      const as = { who, installation };
      return role === "api"
        ? createLook(calls.pool, as, (work) => calls.shares.take(SCRAPER, work))
        : createLook(upkeep.pool, as);
    }
    return {
      ask: async () => (look ??= found()).ask(),
      leave: async () => look?.leave(),
    };
  }
  let loop = { inFlight: 0 };
  const slots = role === "api" ? 0 : concurrency;
  const state = {
    inFlight: () => loop.inFlight,
    slots,
    cells: () =>
      names.flatMap((name) => {
        const cell = opened(name);
        if (!cell) return [];
        return [{ name, pools: cell.pools.byPart, readsStandby: cell.replica?.isInUse ?? false }];
      }),
    up,
  };
  const metrics = createMetrics(state, looks, monotonic);
  const scrapeThis = async () => printSum(Object.values(await metrics.report()));
  return {
    metrics,
    scraping: {
      findKey: rememberScrapers(findKey, monotonic),
      scrape: scrapeAll ?? scrapeThis,
    },
    watch: (started) => void (loop = started),
    leave: async () => {
      await Promise.all([...looks.values()].map((look) => look.leave()));
    },
  };
}

/** What the loop tells of its work; `working` is called when there was some. */
export function watchLoop(
  metrics: Metrics,
  { cell, totals, working, log }: { cell: string; totals: Totals; working: () => void; log: Log },
): Pick<LoopOptions, "claimed" | "attempted" | "settled"> {
  return {
    claimed(deliveries, tookMs) {
      metrics.claimed(deliveries, tookMs);
      if (deliveries.length === 0) return;
      traceClaim(deliveries.length, monotonic(), tookMs);
      working();
    },
    attempted(settlement, target) {
      metrics.attempted(settlement, target.preset?.name ?? "unknown");
      if (settlement.attempt.reason !== null) tellFailed(log, settlement, target);
    },
    settled(settlements, tookMs) {
      metrics.settled(cell, settlements, tookMs);
      traceSettle(settlements, monotonic(), tookMs);
      totals.settled(settlements);
    },
  };
}
