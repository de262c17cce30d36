// The set-compare at the end of a row: what was acknowledged, what arrived, and what the database says of both.
import { SECOND } from "../src/kernel/duration.ts";
import type { Ledger } from "./ledger.ts";
import { describeFailures, findContradictions } from "./records.ts";
import { waitFor, type World } from "./world.ts";

const LEASE_MS = 45 * SECOND;

/** Within this time of a fault's end all has to go on: the lease of a killed worker runs out, and somebody looks. */
const RESUME_MS_MAX = LEASE_MS + 5 * SECOND;

const ARRIVE_MS_MAX = 3 * RESUME_MS_MAX; // so that what is late is told from what is lost

export type Verdict = {
  acknowledged: number;
  lost: number;
  /** Arrived, though rolled back or never stored. */
  ghosts: number;
  repeated: number;
  /** Claimed and not settled at the faults, added up: what may be repeated. */
  inFlight: number;
  refused: number;
  /** The longest time from the end of a fault to the next arrival. */
  firstAgainMs: number | null;
  /** From the end of the last fault until all that was acknowledged before it had arrived. */
  allThereMs: number | null;
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
    const [left] = await world.sql("select from posthorn.deliveries where bucket = 0 limit 1");
    return left === undefined;
  }, ARRIVE_MS_MAX);

  const { events = [], wrong } = await inbox.tell("report");
  const arrivedAt = new Map(events.map(({ id, at }) => [id, at]));
  const stored = await idsOf(
    world,
    "select posthorn.public_id('evt', id) as id from posthorn.events",
  );
  const committed = await idsOf(world, "select event_id as id from public.orders");
  const expected = new Set([...ledger.acknowledged.keys(), ...stored, ...committed]);
  const isGhost = (id: string) =>
    !stored.has(id) || ledger.rolledBack.has(id) || (ledger.unknown.has(id) && !committed.has(id));
  const took = [...ledger.acknowledged].map(([id, at]) => (arrivedAt.get(id) ?? at) - at);
  return {
    acknowledged: ledger.acknowledged.size,
    lost: [...expected].filter((id) => !arrivedAt.has(id)).length,
    ghosts: [...arrivedAt.keys()].filter(isGhost).length,
    repeated: events.reduce((sum, { times }) => sum + times - 1, 0),
    inFlight: world.inFlight.size,
    refused: ledger.refused,
    ...resumption(world.heals, ledger, arrivedAt),
    longestMs: took.reduce((longest, ms) => Math.max(longest, ms), 0),
    wrong: [...world.wrong, ...ledger.wrong, ...wrong, ...(await findContradictions(world))],
    background: [...(await describeFailures(world)), ...world.complaints()],
  };
}

/** Why a verdict is no good one; nothing where it is. */
export function failuresOf(verdict: Verdict): string[] {
  const { lost, ghosts, repeated, inFlight, firstAgainMs, allThereMs, wrong } = verdict;
  const limits: [isBroken: boolean, text: string][] = [
    [lost > 0, `${lost} lost`],
    [ghosts > 0, `${ghosts} arrived that were never committed`],
    [repeated > inFlight, `${repeated} repeated, with ${inFlight} in flight`],
    [(firstAgainMs ?? 0) > RESUME_MS_MAX, "too long until the next arrival"],
    [(allThereMs ?? 0) > RESUME_MS_MAX, "too long until all had arrived"],
  ];
  return [...limits.filter(([isBroken]) => isBroken).map(([, text]) => text), ...new Set(wrong)];
}

function resumption(
  heals: readonly number[],
  { acknowledged }: Ledger,
  arrivedAt: ReadonlyMap<string, number>,
): Pick<Verdict, "firstAgainMs" | "allThereMs"> {
  const last = heals.at(-1);
  if (last === undefined) return { firstAgainMs: null, allThereMs: null };
  const times = [...arrivedAt.values()].sort((a, b) => a - b);
  const gaps = heals.map((heal) => (times.find((at) => at >= heal) ?? heal) - heal);
  let allThereMs = 0;
  for (const [id, at] of acknowledged)
    if (at <= last) allThereMs = Math.max(allThereMs, (arrivedAt.get(id) ?? at) - last);
  return { firstAgainMs: Math.max(...gaps), allThereMs };
}

async function idsOf({ sql }: World, text: string): Promise<Set<string>> {
  return new Set((await sql<{ id: string }>(text)).map(({ id }) => id));
}
