// What a delivery costs by the size of its body and by how many webhooks one event goes to.
import { setTimeout as sleep } from "node:timers/promises";

import { startService } from "../children.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import { payloadOf, publish } from "../service.ts";
import { clear, WIDE, type Group, type Scene } from "../stage.ts";

const KB = 1_024;
const RECORDED_MS = 200; // after the last arrival: a settle waits 5 ms for others
const SIZES = [
  { kb: 1, deliveries: 20_000 },
  { kb: 10, deliveries: 20_000 },
  { kb: 100, deliveries: 10_000 },
];

export const bodies: Group = {
  title: "Bodies and fan-out",
  about:
    "CPU time that one delivery takes of the worker and of the database together, from a worker's readiness until all " +
    "of a backlog is recorded. An event that goes to one webhook has that webhook's 16 slots at most.",
  rounds: 1,
  async run(scene) {
    for (const { kb, deliveries } of SIZES) {
      for (const fan of WIDE.fans) {
        const webhooks = scene.isQuick ? Math.min(fan, 1_000) : fan;
        const count = Math.ceil(scene.count(deliveries) / webhooks);
        await clear(scene);
        await publish(scene.database.url, WIDE.tenant, {
          count,
          channels: [`fan ${fan}`],
          payload: payloadOf(kb * KB),
        });
        await measure(scene, nameOf(kb, fan), count * webhooks);
      }
      const [, few = 0, , many = 0] = WIDE.fans;
      const ratio = scene.median(nameOf(kb, many)) / scene.median(nameOf(kb, few));
      scene.note(`${kb} KB: fan-out of ${many.toLocaleString("en")} to ${few}`, ratio, "×", {
        atMost: 1.25,
      });
    }
  },
};

async function measure(scene: Scene, name: string, total: number): Promise<void> {
  const { database, receiver, env } = scene;
  const worker = await startService("worker", env);
  const before = { at: nowMs(), worker: cpuUs(worker.pid), database: database.cpuUs() };
  while ((await receiver.count()).unique < total) await sleep(50);
  const { lastAt } = await receiver.count();
  await sleep(RECORDED_MS);
  const usedUs = cpuUs(worker.pid) + database.cpuUs() - before.worker - before.database;
  await worker.stop();
  scene.note(name, usedUs / total, "µs a delivery");
  scene.note(`${name}: rate`, (total / (lastAt - before.at)) * 1_000, "/s");
}

function nameOf(kb: number, fan: number): string {
  return `${kb} KB, fan-out ${fan.toLocaleString("en")}`;
}
