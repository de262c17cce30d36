// The series of the database as a whole.
import { Counter, Gauge, Registry } from "prom-client";

import { CANCEL_REASONS } from "../kernel/reasons.ts";
import { BACKLOG_STATES } from "../queue/measure.ts";
import { HOLD_REASONS } from "../queue/sending.ts";
import type { Facts } from "./look.ts";
import { FINISHED, PUBLISHED } from "./process.ts";
import { seriesOf, type Series } from "./sum.ts";

type Values = readonly (readonly [label: string, value: number])[] | number;
type Known = { name: string; help: string; label?: string; of: (facts: Facts) => Values };

const KNOWN: Known[] = [
  {
    name: "posthorn_backlog_deliveries",
    help: "Pending deliveries, by their state; counted to 10,000, more are estimated.",
    label: "state",
    of: ({ backlog }) => BACKLOG_STATES.map((state) => [state, backlog[state]]),
  },
  {
    name: "posthorn_oldest_due_seconds",
    help: "For how long the oldest delivery that could go now has been due.",
    of: ({ oldestDueS }) => oldestDueS,
  },
  {
    name: "posthorn_webhooks",
    help: "Subscribed webhooks, by their health.",
    label: "health",
    of: ({ webhooks }) => Object.entries(webhooks),
  },
  {
    name: "posthorn_webhooks_paused",
    help: "Subscribed webhooks that are paused, whatever their health.",
    of: ({ paused }) => paused,
  },
  {
    name: "posthorn_sending_held",
    help: "1 while nothing is sent as a whole: paused by pause-all, or the database is of another installation.",
    label: "reason",
    of: ({ hold }) =>
      HOLD_REASONS.map((reason) => [reason, hold?.reason === reason ? 1 : 0] as const),
  },
  {
    name: "posthorn_partitions_ahead",
    help: "For how many days after today there are tables; without one for today nothing can be published.",
    of: ({ partitionDaysAhead }) => partitionDaysAhead,
  },
  {
    name: "posthorn_oldest_transaction_seconds",
    help: "How long the oldest open transaction of the database has been open, whoever's it is.",
    of: ({ oldestTransactionS }) => oldestTransactionS,
  },
];

/** Creates what tells the series that are known by asking the database. */
export function createDatabaseSeries(): (facts: Facts) => Promise<Series[]> {
  const registry = new Registry();
  const registers = [registry];
  const published = new Counter({ ...PUBLISHED, registers });
  const finished = new Counter({ ...FINISHED, registers });
  const gauges = KNOWN.map(({ name, help, label, of }) => {
    const labelNames = label === undefined ? [] : [label];
    const gauge = new Gauge({ name, help, labelNames, registers });
    return (facts: Facts) => {
      const values = of(facts);
      if (typeof values === "number") gauge.set(values);
      else for (const [value, count] of values) gauge.set({ [label ?? ""]: value }, count);
    };
  });
  return (facts) => {
    const { publishedBySql, cancelled } = facts.tallies;
    published.reset();
    published.inc({ door: "sql" }, publishedBySql);
    finished.reset();
    for (const reason of CANCEL_REASONS)
      finished.inc({ status: "cancelled", reason }, cancelled[reason]);
    for (const set of gauges) set(facts);
    return seriesOf(registry);
  };
}
