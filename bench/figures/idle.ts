// What a service costs that has nothing to do, and how soon it is there.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { residentMb, startService } from "../children.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import type { Group, Scene } from "../stage.ts";

const SETTLED_S = 70; // housekeeping goes at its pace for quiet times after a minute
const WINDOW_S = 20;

export const idle: Group = {
  title: "Starting, and doing nothing",
  about:
    "A start with nothing set, on a fresh data folder and on the same again; then a service beside 10,000 webhooks.",
  rounds: 3,
  async run(scene) {
    await noteStarts(scene);
    const { env, database, note, seconds } = scene;
    const service = await startService("serve", env);
    await sleep(seconds(SETTLED_S) * 1_000);
    const before = { at: nowMs(), cpu: cpuUs(service.pid), database: database.cpuUs() };
    await sleep(seconds(WINDOW_S) * 1_000);
    const tookUs = (nowMs() - before.at) * 1_000;
    const share = (after: number, was: number) => ((after - was) / tookUs) * 100;
    const own = share(cpuUs(service.pid), before.cpu);
    const ofDatabase = share(database.cpuUs(), before.database);
    note("idle with 10,000 webhooks: the service", own, "% of a core");
    note("idle with 10,000 webhooks: its database", ofDatabase, "% of a core");
    note("idle with 10,000 webhooks: both", own + ofDatabase, "% of a core", { atMost: 1 });
    note("memory, without its database", residentMb(service.pid), "MB");
    await service.stop();
  },
};

async function noteStarts({ note, env }: Scene): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), "posthorn-bench-start-"));
  for (const figure of ["ready on a fresh data folder", "ready the second time"]) {
    const startedAt = nowMs();
    const settings = { ...env, DATABASE_URL: "", POSTHORN_DATA_DIR: dataDir };
    const service = await startService("serve", settings);
    note(figure, (nowMs() - startedAt) / 1_000, "s");
    await service.stop();
  }
  rmSync(dataDir, { recursive: true, force: true });
}
