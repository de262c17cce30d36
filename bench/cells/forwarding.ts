// What it costs that an event is published at home by SQL, and lives in another cell.
import { setTimeout as sleep } from "node:timers/promises";

import type pg from "pg";

import { startService } from "../children.ts";
import { nowMs } from "../clock.ts";
import { cpuUs, cpuUsOfTree, parentOf } from "../cpu.ts";
import { payloadOf, publish } from "../service.ts";
import type { Scene } from "../stage.ts";
import { envOf, withSql, type Cell } from "./cell.ts";

const EVENTS = 100_000;
const WARM_EVENTS = 2_000;
const STEP_MS = 50;

/**
 * Publishes events that match no webhook while nobody may forward them, and measures from when they may until the last is stored
 * in its cell: publishing is not in it, nor is any delivery.
 */
export async function costForwarding(scene: Scene, home: Cell, us: Cell): Promise<void> {
  const worker = await startService("worker", envOf(home, us));
  await withSql(home, (ofHome) =>
    withSql(us, async (ofUs) => {
      const servers = [await postmasterOf(ofHome), await postmasterOf(ofUs)];
      const read = () => [...servers.map(cpuUsOfTree), cpuUs(worker.pid), nowMs() * 1_000];
      await hold(ofHome, us, WARM_EVENTS, home);
      await letGo(ofHome);
      const count = scene.count(EVENTS);
      await hold(ofHome, us, count, home);
      const before = read();
      await letGo(ofHome);
      const [homeUs = NaN, thereUs = NaN, workerUs = NaN, tookUs = NaN] = read().map(
        (now, n) => (now - (before[n] ?? NaN)) / count,
      );
      scene.note("forwarding an event: CPU of home's database", homeUs, "µs");
      scene.note("forwarding an event: CPU of its cell's database", thereUs, "µs");
      scene.note("forwarding an event: CPU of the worker", workerUs, "µs");
      scene.note("forwarding an event: it took", tookUs, "µs");
    }),
  );
  await worker.stop();
}

// Who forwards a tenant's events locks its placement, and passes by one that is locked.
async function hold(sql: pg.Client, us: Cell, count: number, home: Cell): Promise<void> {
  await sql.query("begin");
  await sql.query("select from posthorn.placements where tenant = $1 for update", [us.name]);
  await publish(home.server.url, us.name, {
    count,
    channels: ["nobody's"],
    payload: payloadOf(1_024),
  });
}

async function letGo(sql: pg.Client): Promise<void> {
  await sql.query("commit");
  for (;;) {
    const { rows } = await sql.query("select from posthorn.forwards limit 1");
    if (rows.length === 0) return;
    await sleep(STEP_MS);
  }
}

async function postmasterOf(sql: pg.Client): Promise<number> {
  const { rows } = await sql.query<{ pid: number }>("select pg_backend_pid() as pid");
  return parentOf(rows[0]?.pid ?? 0);
}
