// What a process tells of itself at /metrics, in Prometheus' text format.
import { Gauge, Registry } from "prom-client";

import type { MonotonicClock } from "../kernel/clock.ts";
import { createDatabaseSeries } from "./database.ts";
import type { Look } from "./look.ts";
import { createProcessSeries, type ProcessSeries, type State } from "./process.ts";
import { createSeldom } from "./seldom.ts";

export type Metrics = Omit<ProcessSeries, "tallied"> & {
  /** All series as text; those of the database where it answers, and no other process tells them. Never rejects for the database. */
  scrape(): Promise<{ contentType: string; text: string }>;
};

/** Creates the metrics of one process. */
export function createMetrics(state: State, look: Look, monotonic: MonotonicClock): Metrics {
  const registry = new Registry();
  const series = createProcessSeries(registry, state);
  const ofDatabase = createDatabaseSeries();
  const ask = createSeldom(() => look.ask(), monotonic);
  const reports = new Gauge({
    name: "posthorn_reports_database",
    help: "1 where this process tells the series of the database; 0 where another does, or the database is away.",
    registers: [registry],
  });
  return {
    ...series,
    async scrape() {
      const facts = await ask();
      reports.set(facts ? 1 : 0);
      series.tallied(facts?.tallies);
      const text = await registry.metrics();
      const more = facts ? await ofDatabase.tell(facts) : "";
      return { contentType: registry.contentType, text: `${text}${more}` };
    },
  };
}
