// A tenant with much history moves to the other cell, while it is published for.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { startService } from "../children.ts";
import { nowMs } from "../clock.ts";
import { fillHistory } from "../history.ts";
import { runPublisher } from "../load.ts";
import type { Percentiles } from "../report.ts";
import type { Scene } from "../stage.ts";
import { envOf, withSql, type Cell } from "./cell.ts";

const HISTORY = 100_000; // finished deliveries: four rows each, with event, payload and attempt
const PER_SECOND = 50; // by each door
const PUBLISHED_S = 90; // longer than the move, or its longest wait may not be seen
const PUBLISHED_S_QUICK = 15;

/** Moves what lives in `us` home, and tells how long it was not sent for, and for how long a publish had to wait meanwhile. */
export async function moveLarge(scene: Scene, home: Cell, us: Cell): Promise<void> {
  const history = scene.count(HISTORY);
  await withSql(us, (sql) => fillHistory(sql, history, us.name));
  const env = envOf(home, us);
  const [api, worker] = [await startService("api", env), await startService("worker", env)];
  const load = { tenant: us.name, channels: us.channels, load: { perSecond: PER_SECOND } };
  const seconds = scene.isQuick ? PUBLISHED_S_QUICK : PUBLISHED_S;
  const publishers = [
    { door: "http" as const, url: api.url },
    { door: "sql" as const, url: home.server.url },
    { door: "sql" as const, url: us.server.url },
  ].map((door) => runPublisher<{ answered: Percentiles }>({ ...load, ...door, seconds }));
  const moved = move(env, us.name, home.name);
  const published = await Promise.all(publishers);
  const publishedUntil = nowMs();
  const { leftAt, switchedAt } = await moved;
  if (switchedAt > publishedUntil) throw new Error(`a move took longer than ${seconds} s`);
  await Promise.all([api.stop(), worker.stop()]);
  scene.note(`a move: finished deliveries`, history, "");
  scene.note(`a move: nothing of the tenant is sent for`, (switchedAt - leftAt) / 1_000, "s");
  for (const [n, door] of ["HTTP", "SQL at home", "SQL in its cell"].entries())
    scene.note(`a move: the longest publish by ${door}`, published[n]?.answered.max ?? NaN, "ms");
}

async function move(env: NodeJS.ProcessEnv, tenant: string, to: string) {
  const program = fileURLToPath(new URL("../../dist/cli/index.js", import.meta.url));
  const child = spawn(process.execPath, [program, "tenants", "move", tenant, "--to", to], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit") as Promise<[number | null]>;
  const times = { leftAt: NaN, switchedAt: NaN };
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (line.includes(" leaves ")) times.leftAt = nowMs();
    if (line.includes(" lives in ")) times.switchedAt = nowMs();
  }
  const [code] = await exited;
  if (code !== 0 || Number.isNaN(times.switchedAt)) throw new Error(lines.join("\n"));
  return times;
}
