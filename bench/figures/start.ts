// How soon a service is there: the first time, and again after it was killed.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startService, type Service } from "../children.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import { settings } from "../service.ts";
import type { Group, Scene } from "../stage.ts";

export const start: Group = {
  title: "Starting",
  about:
    "From the command to the line that says `ready`: on an empty database, and on the same again after a kill -9; then with nothing set, where initdb makes a database first, and the next start takes on the one that the killed service has left running. What PostgreSQL itself takes to recover is not in it.",
  rounds: 5,
  async run(scene) {
    const env = settings(await scene.database.fresh("started"));
    await (await timed(scene, "an empty database", env, 1.5)).kill();
    await (await timed(scene, "a prepared database, after kill -9", env, 2)).stop();
    await scene.database.drop("started");
    const dataDir = mkdtempSync(join(tmpdir(), "posthorn-bench-start-"));
    const embedded = { ...env, DATABASE_URL: "", POSTHORN_DATA_DIR: dataDir };
    await (await timed(scene, "a fresh data folder", embedded)).kill();
    await (await timed(scene, "the same data folder, after kill -9", embedded, 2)).stop();
    rmSync(dataDir, { recursive: true, force: true });
  },
};

async function timed(
  { note }: Scene,
  where: string,
  env: NodeJS.ProcessEnv,
  secondsMax?: number,
): Promise<Service> {
  const startedAt = nowMs();
  const service = await startService("serve", env);
  const goal = secondsMax === undefined ? undefined : { atMost: secondsMax };
  note(`ready on ${where}`, (nowMs() - startedAt) / 1_000, "s", goal);
  note(`CPU of the service until then, on ${where}`, cpuUs(service.pid) / 1_000_000, "s");
  return service;
}
