// What each fault has cost: which repeats it explains, and how long it was until all went on.
import type { Strike } from "./world.ts";

type Seen = {
  /** When each event was acknowledged. */
  acknowledged: ReadonlyMap<string, number>;
  /** When each event arrived, each time. */
  arrivals: ReadonlyMap<string, readonly number[]>;
  /** When each delivery that a fault had struck was finished. */
  finishedAt: ReadonlyMap<string, number>;
};

export type Cost = {
  inFlight: number;
  /** Of what was in flight at it, and not repeated before: so never more than that. */
  repeated: number;
  /** From its end to the next arrival. */
  firstAgainMs: number;
  /**
   * From its end until the last was delivered of what it had struck, unless a later fault struck that again, and of
   * what had been acknowledged before its end.
   */
  resumeMs: number;
};

/** Answers what each fault has cost, and how many repeats no fault explains. */
export function costsOf(
  strikes: readonly Strike[],
  seen: Seen,
): { costs: Cost[]; unexplained: number } {
  const { repeated, unexplained } = explainRepeats(strikes, seen);
  const firsts = [...seen.arrivals.values()].map(([first = 0]) => first).sort((a, b) => a - b);
  const costs = strikes.map((strike, index) => {
    const healedAt = strike.healedAt ?? strike.at;
    return {
      inFlight: strike.leases.length,
      repeated: repeated[index] ?? 0,
      firstAgainMs: (firsts.find((at) => at >= healedAt) ?? healedAt) - healedAt,
      resumeMs: Math.max(0, latestStruck(strikes, index, seen) - healedAt),
    };
  });
  for (const { index, ms } of waits(strikes, seen)) {
    const cost = costs[index];
    if (cost) cost.resumeMs = Math.max(cost.resumeMs, ms);
  }
  return { costs, unexplained };
}

// Each fault explains one repeat of each delivery that it struck, and that the latest comes from.
function explainRepeats(strikes: readonly Strike[], { arrivals }: Seen) {
  const strikesOf = new Map<string, number[]>();
  for (const [index, { leases }] of strikes.entries())
    for (const { event } of leases) strikesOf.set(event, [...(strikesOf.get(event) ?? []), index]);
  const repeated = strikes.map(() => 0);
  let unexplained = 0;
  for (const [event, [, ...again]] of arrivals) {
    const left = [...(strikesOf.get(event) ?? [])];
    for (const at of again) {
      const place = left.findLastIndex((index) => (strikes[index]?.at ?? Infinity) < at);
      const [index] = place < 0 ? [] : left.splice(place, 1);
      if (index === undefined) unexplained += 1;
      else repeated[index] = (repeated[index] ?? 0) + 1;
    }
  }
  return { repeated, unexplained };
}

function latestStruck(strikes: readonly Strike[], index: number, { finishedAt }: Seen): number {
  const later = new Set(
    strikes.slice(index + 1).flatMap(({ leases }) => leases.map(({ id }) => id)),
  );
  const own = (strikes[index]?.leases ?? []).filter(({ id }) => !later.has(id));
  return own.reduce((latest, { id }) => Math.max(latest, finishedAt.get(id) ?? Infinity), 0);
}

// What nobody had in flight waits from the first fault that ends after its acknowledgement.
function waits(strikes: readonly Strike[], { acknowledged, arrivals }: Seen) {
  const struck = new Set(strikes.flatMap(({ leases }) => leases.map(({ event }) => event)));
  return [...acknowledged].flatMap(([event, at]) => {
    const index = strikes.findIndex(({ healedAt }) => (healedAt ?? 0) >= at);
    const healedAt = strikes[index]?.healedAt;
    const [arrived] = arrivals.get(event) ?? [];
    if (healedAt === null || healedAt === undefined || arrived === undefined || struck.has(event))
      return [];
    return [{ index, ms: arrived - healedAt }];
  });
}
