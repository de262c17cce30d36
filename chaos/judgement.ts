// The set-compare at the end of a row: what was acknowledged, what arrived, and what the database says of both.
import { SECOND } from "../src/kernel/duration.ts";
import { now } from "./clock.ts";
import { findOvertaken } from "./order.ts";
import { describeFailures, findContradictions } from "./records.ts";
import { costsOf, type Cost } from "./strikes.ts";
import { waitFor, type World } from "./world.ts";

/** For how long what a killed process had in flight is left to it. */
export const LEASE_MS = 45 * SECOND;

/** Within this time of a fault's end all has to go on: the lease of a killed worker runs out, and somebody looks. */
const RESUME_MS_MAX = LEASE_MS + 5 * SECOND;

/** The same where another worker has seen one die: five seconds until it is sure, and a busy machine. */
export const SEEN_DEAD_MS_MAX = 9 * SECOND;

const ARRIVE_MS_MAX = 3 * RESUME_MS_MAX; // so that what is late is told from what is lost

const LEFT = `
  (select 1 from posthorn.forwards limit 1)
  union all (select 1 from posthorn.deliveries where bucket = 0 limit 1)`;

export type Verdict = {
  acknowledged: number;
  lost: number;
  /** Arrived, though rolled back or never stored. */
  ghosts: number;
  repeated: number;
  /** Repeats of what was in flight at no fault before. */
  unexplained: number;
  /** Claimed and not settled at the faults, added up: what may be repeated. */
  inFlight: number;
  refused: number;
  /** Of each fault. */
  costs: readonly Cost[];
  /** The longest time from the end of a fault to the next arrival. */
  firstAgainMs: number | null;
  /** The longest time from the end of a fault until all that it had struck or held up was delivered. */
  resumeMs: number | null;
  /** The longest time from an acknowledgement to the first arrival. */
  longestMs: number;
  /** Whatever else should not be, in words. */
  wrong: string[];
  /** How attempts failed and what the services complained of: no fault by itself, and it may explain one. */
  background: string[];
};

/** Waits until all has arrived that should, and judges. */
export async function judge(world: World): Promise<Verdict> {
  const { ledger, inbox } = world;
  await waitFor(async () => {
    const left = await world.everywhere(LEFT); // the home first, whose forwards become the others' deliveries
    return left.length === 0;
  }, ARRIVE_MS_MAX);

  const { events = [], wrong } = await inbox.tell("report");
  const arrivals = new Map(events.map(({ id, at }) => [id, at]));
  const stored = await idsOf(
    world.everywhere,
    "select posthorn.public_id('evt', id) as id from posthorn.events",
  );
  const committed = await idsOf(world.sql, "select event_id as id from public.orders");
  const expected = new Set([...ledger.acknowledged.keys(), ...stored, ...committed]);
  const isGhost = (id: string) =>
    !stored.has(id) || ledger.rolledBack.has(id) || (ledger.unknown.has(id) && !committed.has(id));
  const took = [...ledger.acknowledged].map(([id, at]) => (arrivals.get(id)?.[0] ?? at) - at);
  const { acknowledged } = ledger;
  const finishedAt = await finishesOf(world);
  const { costs, unexplained } = costsOf(world.strikes, { acknowledged, arrivals, finishedAt });
  return {
    acknowledged: ledger.acknowledged.size,
    lost: [...expected].filter((id) => !arrivals.has(id)).length,
    ghosts: [...arrivals.keys()].filter(isGhost).length,
    repeated: events.reduce((sum, { at }) => sum + at.length - 1, 0),
    unexplained,
    inFlight: costs.reduce((sum, { inFlight }) => sum + inFlight, 0),
    refused: ledger.refused,
    costs,
    firstAgainMs: longest(costs.map(({ firstAgainMs }) => firstAgainMs)),
    resumeMs: longest(costs.map(({ resumeMs }) => resumeMs)),
    longestMs: longest(took) ?? 0,
    wrong: [
      ...world.wrong,
      ...ledger.wrong,
      ...wrong,
      ...(await findContradictions(world)),
      ...(world.isOrdered ? findOvertaken(events, acknowledged) : []),
    ],
    background: [...(await describeFailures(world)), ...world.complaints()],
  };
}

/** Why a verdict is no good one; nothing where it is. */
export function failuresOf(verdict: Verdict, resumeMsMax = RESUME_MS_MAX): string[] {
  const { lost, ghosts, unexplained, costs, wrong } = verdict;
  const limits: [isBroken: boolean, text: string][] = [
    [lost > 0, `${lost} lost`],
    [ghosts > 0, `${ghosts} arrived that were never committed`],
    [unexplained > 0, `${unexplained} repeated that were in flight at no fault before`],
    ...costs.flatMap(({ inFlight, repeated, firstAgainMs, resumeMs }, index): typeof limits => [
      [repeated > inFlight, `fault ${index + 1}: ${repeated} repeated, ${inFlight} in flight`],
      [firstAgainMs > resumeMsMax, `fault ${index + 1}: too long until the next arrival`],
      [resumeMs > resumeMsMax, `fault ${index + 1}: ${resumeMs / SECOND} s until all went on`],
    ]),
  ];
  return [...limits.filter(([isBroken]) => isBroken).map(([, text]) => text), ...new Set(wrong)];
}

// By the harness's clock. PostgreSQL's is the machine's own, even where a service's is not.
async function finishesOf({ everywhere, strikes }: World): Promise<Map<string, number>> {
  const ids = strikes.flatMap(({ leases }) => leases.map(({ id }) => id));
  const rows = await everywhere<{ id: string; ago: number }>(
    `select id, extract(epoch from clock_timestamp() - finished_at)::float * 1000 as ago
     from posthorn.finished_deliveries where bucket = 0 and id = any($1::uuid[])`,
    [ids],
  );
  const at = now();
  return new Map(rows.map(({ id, ago }) => [id, at - ago]));
}

function longest(times: readonly number[]): number | null {
  return times.length === 0 ? null : times.reduce((most, ms) => Math.max(most, ms), 0);
}

async function idsOf(ask: World["sql"] | World["everywhere"], text: string): Promise<Set<string>> {
  return new Set((await ask<{ id: string }>(text)).map(({ id }) => id));
}
