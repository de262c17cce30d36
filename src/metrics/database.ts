// The series of each database as a whole. By their cell, not as one sum: the least of some, the most of others and the sum of the
// rest are what is asked for, and a counter that lacks a cell for a while would look as if it had begun anew.
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
    name: "posthorn_forwards_waiting",
    help: "Events published in this cell that wait to be stored in their tenants' cells; counted to 10,000, more are estimated.",
    of: ({ forwards }) => forwards.waiting,
  },
  {
    name: "posthorn_oldest_forward_seconds",
    help: "For how long the oldest event that waits to be stored in its tenant's cell has waited.",
    of: ({ forwards }) => forwards.oldestS,
  },
  {
    name: "posthorn_forwards_set_aside",
    help: "Events published in this cell that their tenants' cells can't take: somebody has to look at them.",
    of: ({ forwards }) => forwards.setAside,
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

/** Creates what tells the series that are known by asking the databases, of those cells that have answered. */
export function createDatabaseSeries(): (known: ReadonlyMap<string, Facts>) => Promise<Series[]> {
  const registry = new Registry();
  const registers = [registry];
  const published = new Counter({ ...PUBLISHED, registers });
  const finished = new Counter({ ...FINISHED, registers });
  const gauges = KNOWN.map(({ name, help, label, of }) => {
    const labelNames = label === undefined ? ["cell"] : ["cell", label];
    const gauge = new Gauge({ name, help, labelNames, registers });
    return {
      reset: () => gauge.reset(),
      set(cell: string, facts: Facts) {
        const values = of(facts);
        if (typeof values === "number") gauge.set({ cell }, values);
        else for (const [value, count] of values) gauge.set({ cell, [label ?? ""]: value }, count);
      },
    };
  });
  return (known) => {
    for (const each of [published, finished, ...gauges]) each.reset();
    for (const [cell, facts] of known) {
      const { publishedBySql, cancelled } = facts.tallies;
      published.inc({ cell, door: "sql" }, publishedBySql);
      for (const reason of CANCEL_REASONS)
        finished.inc({ cell, status: "cancelled", reason }, cancelled[reason]);
      for (const { set } of gauges) set(cell, facts);
    }
    return seriesOf(registry);
  };
}
