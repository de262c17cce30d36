// What a service costs that has nothing to do.
import { setTimeout as sleep } from "node:timers/promises";

import { residentMb, startService } from "../children.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import type { Group } from "../stage.ts";

const SETTLED_S = 70; // housekeeping goes at its pace for quiet times after a minute
const WINDOW_S = 20;

export const idle: Group = {
  title: "Doing nothing",
  about: "A service beside 10,000 webhooks, when nothing has been published for a minute.",
  rounds: 3,
  async run({ env, database, note, seconds }) {
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
