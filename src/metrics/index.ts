// What a process tells of itself at /metrics.
import { Gauge, Registry } from "prom-client";

import type { MonotonicClock } from "../kernel/clock.ts";
import { createDatabaseSeries } from "./database.ts";
import type { Facts, Look } from "./look.ts";
import { createProcessSeries, type ProcessSeries, type State } from "./process.ts";
import { createSeldom } from "./seldom.ts";
import { seriesOf, type Report } from "./sum.ts";

export type Metrics = ProcessSeries & {
  /** All series; those of each database where it answers, and no other process tells them. Never rejects for a database. */
  report(): Promise<Report>;
};

/** Creates the metrics of one process. `looks` are those at its databases, by their cells; one that can't be had now rejects. */
export function createMetrics(
  state: State,
  looks: ReadonlyMap<string, Pick<Look, "ask">>,
  monotonic: MonotonicClock,
): Metrics {
  const registry = new Registry();
  const series = createProcessSeries(registry, state);
  const tellDatabases = createDatabaseSeries();
  const questions = [...looks].map(([cell, look]) => ({
    cell,
    ask: createSeldom(() => look.ask(), monotonic),
  }));
  const reports = new Gauge({
    name: "posthorn_reports_database",
    help: "1 where this process tells the series of the database; 0 where another does, or the database is away.",
    labelNames: ["cell"],
    registers: [registry],
  });

  // Side by side: a scrape waits for all of them no longer than for one.
  async function askAll(): Promise<Map<string, Facts>> {
    const known = new Map<string, Facts>();
    const answers = await Promise.all(questions.map(({ ask }) => ask()));
    for (const [n, { cell }] of questions.entries()) {
      const facts = answers[n];
      reports.set({ cell }, facts ? 1 : 0);
      if (facts) known.set(cell, facts);
    }
    return known;
  }

  return {
    ...series,
    async report() {
      const known = await askAll();
      const ofDatabase = known.size > 0 ? await tellDatabases(known) : [];
      return { own: await seriesOf(registry), ofDatabase };
    },
  };
}
