// What one process counts of its own work. All of it can be added up over processes.
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

import { SECOND } from "../kernel/duration.ts";
import { VERSION } from "../kernel/version.ts";
import type { ClaimedDelivery } from "../queue/claim.ts";
import type { Settlement } from "../queue/settle.ts";

// From a wait in the same process to the longest of attempts, 30 s; to the first request it may be the longest wait of a retry.
const ATTEMPT_BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const START_BUCKETS_S = [...ATTEMPT_BUCKETS_S, 60, 300, 1_800];
const STATEMENT_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5];

/** What a process has at the moment. */
export type State = {
  /** Requests under way, and how many there may be; 0 of a process that delivers nothing. */
  inFlight(): number;
  slots: number;
  /** The databases that are worked with, by their cells. */
  cells(): readonly CellState[];
  /** Whether each cell could be worked with lately; nothing where there is none beside the home. */
  up(): Readonly<Record<string, boolean>>;
};

export type CellState = {
  name: string;
  /** Connections by the part that has them, and who waits for one. */
  pools: Record<string, { totalCount: number; idleCount: number; waitingCount: number }>;
  /** Whether lists are read from a standby now. */
  readsStandby: boolean;
};

export type ProcessSeries = {
  claimed(deliveries: readonly ClaimedDelivery[], tookMs: number): void;
  /** Takes an attempt as soon as it has ended. */
  attempted(settlement: Settlement, preset: string): void;
  /** Takes attempts that are written down. */
  settled(cell: string, settlements: readonly Settlement[], tookMs: number): void;
  published(cell: string, count: number): void;
  postponed(days: number): void;
  /** Takes who has answered a read that a standby may answer; nothing where none is set. */
  read(from: "standby" | "primary"): void;
};

/** Counted by the database too, of what is done in it; both are one series, and are added up. */
export const FINISHED = {
  name: "posthorn_deliveries_finished_total",
  help: "Deliveries that have ended, by how and why.",
  labelNames: ["cell", "status", "reason"] as const,
};
export const PUBLISHED = {
  name: "posthorn_events_published_total",
  help: "Events published, by door; of those by SQL, the ones that were rolled back too.",
  labelNames: ["cell", "door"] as const,
};

/** Creates the series that a process counts itself. */
export function createProcessSeries(registry: Registry, state: State): ProcessSeries {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]) =>
    new Histogram({ name, help, buckets, registers });
  addGauges(registry, state);

  const attempts = counter("posthorn_attempts_total", "Attempts, by what came of them.", [
    "outcome",
    "preset",
  ]);
  const attemptS = histogram(
    "posthorn_attempt_duration_seconds",
    "From the first look at the receiver's address to the end of its answer.",
    ATTEMPT_BUCKETS_S,
  );
  const startS = histogram(
    "posthorn_publish_to_first_request_seconds",
    "From the publish to the start of the first attempt; waits by order, rate and pause are left out.",
    START_BUCKETS_S,
  );
  const finished = new Counter({ ...FINISHED, registers: [registry] });
  const claimS = histogram(
    "posthorn_claim_duration_seconds",
    "Looks for what is due: how many there were, and what they took.",
    STATEMENT_BUCKETS_S,
  );
  const claimed = counter("posthorn_claimed_deliveries_total", "Deliveries that were claimed.");
  const expired = counter(
    "posthorn_leases_expired_total",
    "Leases that ran out, since a worker was killed or cut off; counted when another claims.",
  );
  const settleS = histogram(
    "posthorn_settle_duration_seconds",
    "Writing down what came of attempts: how often, and what it took.",
    STATEMENT_BUCKETS_S,
  );
  const settled = counter("posthorn_settled_attempts_total", "Attempts that are written down.");
  const events = new Counter({ ...PUBLISHED, registers: [registry] });
  for (const { name } of state.cells()) events.labels(name, "http").inc(0);
  const postponed = counter(
    "posthorn_retention_postponed_total",
    "Days past their retention that somebody's open transaction has kept, counted in each hour.",
  );
  const reads = counter(
    "posthorn_reads_total",
    "Lists and statistics, by who was asked: the standby of DATABASE_READ_URL, or the primary in its place.",
    ["from"],
  );
  for (const from of ["standby", "primary"]) reads.labels(from).inc(0);

  return {
    claimed(deliveries, tookMs) {
      claimS.observe(tookMs / SECOND);
      if (deliveries.length === 0) return;
      claimed.inc(deliveries.length);
      expired.inc(deliveries.filter(({ crashes }) => crashes > 0).length);
    },
    attempted({ delivery, attempt }, preset) {
      attempts.labels(attempt.reason ?? "success", preset).inc();
      attemptS.observe(attempt.durationMs / SECOND);
      if (delivery.startable_ms === null) return;
      const waitedMs = attempt.at.getTime() - delivery.startable_ms;
      startS.observe(Math.max(0, waitedMs) / SECOND);
    },
    settled(cell, settlements, tookMs) {
      settleS.observe(tookMs / SECOND);
      settled.inc(settlements.length);
      for (const { verdict, attempt } of settlements)
        if (verdict !== "retry") finished.labels(cell, verdict, attempt.reason ?? "").inc();
    },
    published: (cell, count) => events.labels(cell, "http").inc(count),
    postponed: (days) => postponed.inc(days),
    read: (from) => reads.labels(from).inc(),
  };
}

function addGauges(registry: Registry, { inFlight, slots, cells, up }: State): void {
  const registers = [registry];
  const { node } = process.versions;
  new Gauge({
    name: "posthorn_build_info",
    help: "1 of each process, with what it runs.",
    labelNames: ["version", "node"],
    registers,
  }).set({ version: VERSION, node }, 1);
  new Gauge({
    name: "posthorn_requests_in_flight",
    help: "Requests to receivers that are under way.",
    registers,
    collect() {
      this.set(inFlight());
    },
  });
  new Gauge({
    name: "posthorn_request_slots",
    help: "How many requests may be under way: POSTHORN_CONCURRENCY of each worker.",
    registers,
  }).set(slots);
  new Gauge({
    name: "posthorn_database_connections",
    help: "Connections to the database that are open, by what they are for.",
    labelNames: ["cell", "part", "state"],
    registers,
    collect() {
      for (const { cell, part, totalCount, idleCount } of poolsOf(cells())) {
        this.set({ cell, part, state: "idle" }, idleCount);
        this.set({ cell, part, state: "busy" }, totalCount - idleCount);
      }
    },
  });
  new Gauge({
    name: "posthorn_database_waiting",
    help: "Who waits for a connection to the database, by what it is for.",
    labelNames: ["cell", "part"],
    registers,
    collect() {
      for (const { cell, part, waitingCount } of poolsOf(cells()))
        this.set({ cell, part }, waitingCount);
    },
  });
  new Gauge({
    name: "posthorn_standby_in_use",
    help: "1 while lists and statistics are read from a standby; 0 where none is set, or it is away or behind.",
    labelNames: ["cell"],
    registers,
    collect() {
      for (const { name: cell, readsStandby } of cells()) this.set({ cell }, readsStandby ? 1 : 0);
    },
  });
  new Gauge({
    name: "posthorn_cell_up",
    help: "1 while this process can work with the cell, which it asks every five seconds; absent without POSTHORN_CELLS.",
    labelNames: ["cell"],
    registers,
    collect() {
      for (const [cell, isUp] of Object.entries(up())) this.set({ cell }, isUp ? 1 : 0);
    },
  });
}

function poolsOf(cells: readonly CellState[]) {
  return cells.flatMap(({ name: cell, pools }) =>
    Object.entries(pools).map(([part, pool]) => ({
      cell,
      part,
      totalCount: pool.totalCount,
      idleCount: pool.idleCount,
      waitingCount: pool.waitingCount,
    })),
  );
}
