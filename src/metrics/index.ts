// What a process tells of itself at /metrics.
import { Gauge, Registry } from "prom-client";

import type { MonotonicClock } from "../kernel/clock.ts";
import { createDatabaseSeries } from "./database.ts";
import type { Look } from "./look.ts";
import { createProcessSeries, type ProcessSeries, type State } from "./process.ts";
import { createSeldom } from "./seldom.ts";
import { seriesOf, type Report } from "./sum.ts";

export type Metrics = ProcessSeries & {
  /** All series; those of the database where it answers, and no other process tells them. Never rejects for the database. */
  report(): Promise<Report>;
};

/** Creates the metrics of one process. */
export function createMetrics(state: State, look: Look, monotonic: MonotonicClock): Metrics {
  const registry = new Registry();
  const series = createProcessSeries(registry, state);
  const tellDatabase = createDatabaseSeries();
  const ask = createSeldom(() => look.ask(), monotonic);
  const reports = new Gauge({
    name: "posthorn_reports_database",
    help: "1 where this process tells the series of the database; 0 where another does, or the database is away.",
    registers: [registry],
  });
  return {
    ...series,
    async report() {
      const facts = await ask();
      reports.set(facts ? 1 : 0);
      return { own: await seriesOf(registry), ofDatabase: facts ? await tellDatabase(facts) : [] };
    },
  };
}
