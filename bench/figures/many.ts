// Very many webhooks with a little each, and very many tenants of whom one has very much.
import { setTimeout as sleep } from "node:timers/promises";

import { startService } from "../children.ts";
import { publishSteadily, warmUp } from "../load.ts";
import { watchMemory } from "../memory.ts";
import { payloadOf, publish, subscribe, subscribeTenants } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const WEBHOOKS = 100_000;
const ROWS_EACH = 3;
const CHANNEL = "campaign";
const EXPANDED_AT_ONCE = 10_000;
const STEP_MS = 100;
const WAIT_MS_MAX = 300_000;

const TENANTS = 1_000;
const PER_SECOND = 200; // of all but the one that floods
const FLOOD = 100_000;
const WINDOW_S = 25;

export const many: Group = {
  title: "Many at once",
  about:
    `${WEBHOOKS.toLocaleString("en")} webhooks with ${ROWS_EACH} ready deliveries each, as a campaign's end leaves them, ` +
    "beside as many deliveries to 100 webhooks: from the first arrival to the last. Each webhook's first is to come within " +
    `1.2/${ROWS_EACH} + 0.2 of that time. Then ${TENANTS.toLocaleString("en")} tenants with a webhook each: ${PER_SECOND} events a second, open loop, ` +
    `over all but one, before and while that one has ${FLOOD.toLocaleString("en")} deliveries waiting.`,
  rounds: 3,
  async run(scene) {
    await campaign(scene);
    await clear(scene);
    await flood(scene);
  },
};

async function campaign(scene: Scene): Promise<void> {
  const { database, receiver } = scene;
  const webhooks = scene.count(WEBHOOKS);
  const total = webhooks * ROWS_EACH;
  await publish(database.url, BENCH.tenant, {
    count: total,
    channels: BENCH.channels,
    payload: payloadOf(1_024),
  });
  const usual = await deliverAll(scene, total);
  await clear(scene);

  const tenant = `campaign-${scene.round}`;
  await subscribe(
    database.url,
    tenant,
    Array.from({ length: webhooks }, (_, n) => ({
      url: `${receiver.url}/${tenant}-${n}`,
      channels: [CHANNEL],
    })),
  );
  const event = { count: ROWS_EACH, channels: [CHANNEL], payload: payloadOf(1_024) };
  await publish(database.url, tenant, event);
  while (await expanded(scene));
  await database.sql.query("vacuum analyze posthorn.deliveries");
  const wide = await deliverAll(scene, total);
  const name = `${webhooks.toLocaleString("en")} webhooks, ${ROWS_EACH} each`;
  scene.note("100 webhooks, as many in all", usual.perSecond, "/s");
  scene.note(name, wide.perSecond, "/s");
  scene.note(`${name}, to 100 webhooks`, wide.perSecond / usual.perSecond, "×", { atLeast: 0.8 });
  scene.note(`${name}: the last webhook's first, of the whole time`, wide.lastFirst, "×", {
    atMost: 1.2 / ROWS_EACH + 0.2,
  });
  scene.note(`${name}: memory of the worker, more than at its start`, wide.memoryMb, "MB");
}

async function expanded({ database }: Scene): Promise<boolean> {
  const { rows } = await database.sql.query<{ made: number }>(
    `select posthorn.expand(${EXPANDED_AT_ONCE}) as made`,
  );
  return (rows[0]?.made ?? 0) > 0;
}

// All that waits, from the first arrival to the last.
async function deliverAll({ receiver, env }: Scene, total: number) {
  const worker = await startService("worker", env);
  const memory = watchMemory(worker.pid);
  const until = performance.now() + WAIT_MS_MAX;
  let counted = await receiver.count();
  while (counted.unique < total) {
    if (performance.now() > until)
      throw new Error(`${counted.unique} of ${total} arrived in ${WAIT_MS_MAX / 1_000} s`);
    await sleep(STEP_MS);
    counted = await receiver.count();
  }
  const memoryMb = memory.stop();
  await worker.stop();
  const { firstAt, lastAt, lastNewPathAt, requests } = counted;
  if (requests !== total) throw new Error(`${requests} requests for ${total} deliveries`);
  const tookMs = lastAt - firstAt;
  const perSecond = (total / tookMs) * 1_000;
  return { perSecond, lastFirst: (lastNewPathAt - firstAt) / tookMs, memoryMb };
}

// What the others feel of a tenant that has very much to send.
async function flood(scene: Scene): Promise<void> {
  const { database, receiver, env, round } = scene;
  const tenants = Array.from({ length: scene.count(TENANTS) }, (_, n) => `many-${round}-${n}`);
  const [flooded = "", ...others] = tenants;
  const webhookOf = (name: string) => [{ url: `${receiver.url}/${name}`, channels: [name] }];
  await subscribeTenants(
    database.url,
    Object.fromEntries(tenants.map((name) => [name, webhookOf(name)])),
  );
  const worker = await startService("worker", env);
  const load = {
    door: "sql" as const,
    url: database.url,
    tenant: "",
    tenantsAreChannels: true,
    channels: others,
    perSecond: PER_SECOND,
    seconds: WINDOW_S,
  };
  await warmUp(scene, load);
  const before = await publishSteadily(scene, load);
  const waiting = { count: scene.count(FLOOD), channels: [flooded], payload: payloadOf(1_024) };
  await publish(database.url, flooded, waiting);
  const during = await publishSteadily(scene, load);
  await worker.stop();
  const name = `${others.length} tenants beside one that floods`;
  scene.note(`${name}: p99 before`, before.p99, "ms");
  scene.note(`${name}: p99 during`, during.p99, "ms");
  scene.note(`${name}: p99, during to before`, during.p99 / before.p99, "×", { atMost: 1.5 });
}
