// What a supervisor of several processes tells itself.
import { Counter, Gauge, Registry } from "prom-client";

import { seriesOf, type Series } from "./sum.ts";

/** Creates what tells how many processes serve, and how often one was started again. */
export function createSupervisorSeries(
  state: () => { serving: number; restarts: number },
): () => Promise<Series[]> {
  const registry = new Registry();
  const registers = [registry];
  const serving = new Gauge({
    name: "posthorn_processes",
    help: "Processes that serve, of POSTHORN_PROCESSES under one supervisor.",
    registers,
  });
  const restarts = new Counter({
    name: "posthorn_process_restarts_total",
    help: "How often one of several processes has ended and was started again.",
    registers,
  });
  return () => {
    const now = state();
    serving.set(now.serving);
    restarts.reset();
    restarts.inc(now.restarts);
    return seriesOf(registry);
  };
}
