// The fault of a move: whoever moves a tenant to another cell dies in the midst of it, and is run again.
import { sleep } from "../src/kernel/clock.ts";
import type { Cell } from "./cell.ts";
import { BETWEEN_MS, type Fault } from "./faults.ts";
import { waitFor, type World } from "./world.ts";

// Each is killed this much later than the one before: first while it starts, at last when it has long switched.
const LATER_MS = 400;
const TRIES_MAX = 3; // of the command, after it was killed

/** The cell's tenant is moved there and back so many times; each time the command is killed once, and run again. */
export const moveThereAndBack =
  (times: number): Fault =>
  async (world) => {
    const [home, far] = world.cells;
    if (!home || !far) throw new Error("to move needs two cells");
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS);
      await move(world, far.tenant, n % 2 === 0 ? [far, home] : [home, far], (n + 1) * LATER_MS);
      world.healed();
    }
  };

async function move(
  world: World,
  tenant: string,
  [from, to]: [Cell, Cell],
  killedAfterMs: number,
): Promise<void> {
  const run = () => world.run("tenants", "move", tenant, "--to", to.name);
  const killed = run();
  await Promise.race([sleep(killedAfterMs), killed.exited]);
  killed.kill("SIGKILL");
  await killed.exited;
  const said: string[] = [];
  for (let tries = 0; ; tries++) {
    const command = run();
    const code = await command.exited;
    if (code === 0) break;
    said.push(...command.said.slice(-1));
    if (tries === TRIES_MAX)
      return void world.wrong.push(`not moved to ${to.name}: ${said.join("; ")}`);
  }
  const isClear = async () =>
    (await from.sql("select from posthorn.events where tenant = $1 limit 1", [tenant])).length ===
    0;
  if (!(await waitFor(isClear))) world.wrong.push(`${from.name} still has events of ${tenant}`);
}
