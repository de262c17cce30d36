// The faults of several cells: one of their databases crashes, or whoever forwards to one dies in the midst of it.
import { sleep } from "../src/kernel/clock.ts";
import { hold, type Cell, type Held } from "./cell.ts";
import { AWAY_MS, BETWEEN_MS, hasLeft, one, type Fault } from "./faults.ts";
import { publishMany } from "./publish-many.ts";
import { waitFor, type World } from "./world.ts";

const GOES_ON_PUBLISHES = 20; // begun after a crash and delivered before its end: by then it is no straggler's doing

/** The database of one cell crashes, and comes back after a second, when the others' tenants have gone on meanwhile. */
export const crashCell =
  (name: string, times: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS);
      await crash(world, named(world, name));
    }
  };

/** Who dies while events are forwarded, and on which side of the commit in their tenant's cell. */
export type Death = { of: string; at: "before" | "after" };

/**
 * So many events are published at home for the other cell's tenant, shared out over the deaths. At each the forwarder stands
 * where it is meant to: it has taken a batch that is not stored in the cell yet, or is and has not left home.
 */
export const dieForwarding =
  (count: number, deaths: readonly Death[]): Fault =>
  async (world) => {
    for (const { of, at } of deaths) {
      const held = await haltForwarding(world, at, Math.ceil(count / deaths.length));
      if (of === "worker") await killHalted(world, held);
      else await crash(world, named(world, of), held);
    }
  };

async function killHalted(world: World, held: Held): Promise<void> {
  const victim = one(world, "worker");
  victim.kill("SIGKILL");
  await victim.exited;
  await held.release();
  await waitFor(() => hasLeft(world)); // what it had asked for is still being done, leases among it
  world.struck(await world.leases());
  await world.start("worker");
  world.healed();
}

async function crash(world: World, cell: Cell, held?: Held): Promise<void> {
  world.struck(await world.leases([cell]));
  await cell.database.server?.stop("immediate");
  await held?.release();
  await sleep(AWAY_MS);
  await seeOthersGoOn(world, cell);
  await cell.database.server?.start();
  world.healed();
}

// By what they publish over HTTP: home's database is also what publishers by SQL write to.
async function seeOthersGoOn(world: World, away: Cell): Promise<void> {
  const from = world.ledger.next() + GOES_ON_PUBLISHES;
  for (const { name, tenant } of world.cells.filter((cell) => cell !== away)) {
    const goesOn = async () => ((await world.inbox.tell("count")).newest[tenant] ?? 0) > from;
    if (!(await waitFor(goesOn)))
      world.wrong.push(`while ${away.name} was away the tenant of ${name} did not go on`);
  }
}

// Held off by its tenant's placement until all is published, the forwarder takes the first of it and meets a lock.
async function haltForwarding(world: World, at: Death["at"], count: number): Promise<Held> {
  const [home, far] = world.cells;
  if (!home || !far) throw new Error("forwarding needs two cells");
  const { tenant } = far;
  const door = await hold(home, "select from posthorn.placements where tenant = $1 for update", [
    tenant,
  ]);
  await publishMany(world, count, tenant);
  const [where, held, statement] =
    at === "before"
      ? [far, await hold(far, "lock table posthorn.events in share mode"), "%store_forwarded%"]
      : [home, await hold(home, KEPT, [tenant]), "delete from posthorn.forwards%"];
  await door.release();
  const halts = async () => (await where.sql(HALTED, [statement])).length > 0;
  if (!(await waitFor(halts))) world.wrong.push(`nobody forwarded up to ${at} the commit`);
  return held;
}

const KEPT = "select from posthorn.forwards where tenant = $1 for update";
const HALTED =
  "select from pg_stat_activity where wait_event_type = 'Lock' and query like $1 limit 1";

function named(world: World, name: string): Cell {
  const cell = world.cells.find((each) => each.name === name);
  if (!cell) throw new Error(`no cell ${name}`);
  return cell;
}
