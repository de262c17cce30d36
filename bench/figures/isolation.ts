// What the healthy webhooks feel of those that hang or are hostile.
import { setTimeout as sleep } from "node:timers/promises";

import { startDnsServer } from "../../test/helpers/dns-server.ts";
import { message, NAME_SERVER, start, startService, stop } from "../children.ts";
import { publishSteadily, runPublisher, warmUp, type Arrived } from "../load.ts";
import { watchMemory } from "../memory.ts";
import { DOMAIN } from "../receiver.ts";
import { payloadOf, publish, subscribe } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const PER_SECOND = 500;
const WINDOW_S = 25; // more than twice the 10 s after which a hanging request is given up
const QUEUED = 100_000;
const [HANGING, NAMELESS, ALL] = [50, 20, 100];

const HANGING_GREAT = 70; // of 100 that have earned many slots each
const EARNING_AT_ONCE = 10; // webhooks: sixteen slots of each fit into the 160 up to which a worker gives more than two
const EARNING_EVENTS = 300; // for each: after 200 the least of them had eleven slots
const EARNING_DELAY_MS = 50; // answers that come at once leave no slot in use, and so earn none

const [HOSTILE, HEALTHY] = [100, 20];
const HEALTHY_PER_SECOND = 200;
const HOSTILE_PER_SECOND = 100; // an event a second for each

export const isolation: Group = {
  title: "Isolation",
  about:
    `${PER_SECOND} events a second, open loop, to 100 webhooks, first with all of them well and then, in the same ` +
    "worker with default settings, with some that take requests and never answer, or whose name servers fall silent. " +
    "All had been well before; in the third scene each had just been given as many requests at once as it would take. The " +
    `last scene has ${HEALTHY_PER_SECOND} events a second to ${HEALTHY} healthy webhooks, alone and then beside ` +
    `${HOSTILE_PER_SECOND} a second to ${HOSTILE} hostile ones: the tests' floods, trickles, cuts and wrong framings, ` +
    "in a process of their own on the same processors. The share is of what was published to the healthy ones and had " +
    "arrived by the last publish; percentiles are over all that was published to them.",
  rounds: 1,
  async run(scene) {
    await oneHangs(scene);
    await clear(scene);
    await manyHang(scene);
    await clear(scene);
    await manyGreatOnesHang(scene);
    await clear(scene);
    await hostileOnes(scene);
  },
};

async function oneHangs(scene: Scene): Promise<void> {
  const { database, receiver, count, env } = scene;
  const [hanging = "", ...others] = BENCH.channels;
  const worker = await startService("worker", env);
  const load = { ...base(scene, BENCH.tenant), channels: others };
  await warmUp(scene, load);
  const before = await publishSteadily(scene, load);
  await receiver.behave({ silent: [hanging] });
  await publish(database.url, BENCH.tenant, {
    count: count(QUEUED),
    channels: [hanging],
    payload: payloadOf(1_024),
  });
  const during = await publishSteadily(scene, load);
  note(scene, "99 beside one that hangs, 100,000 behind it", before, during);
  await worker.stop();
}

async function manyHang(scene: Scene): Promise<void> {
  const { receiver, database, env, round } = scene;
  let isSilent = false;
  const names = await startDnsServer(() => (isSilent ? "silence" : ["127.0.0.1"]));
  const tenant = `mixed${round}`;
  const channels = Array.from({ length: ALL }, (_, n) => `${tenant}-${n}`);
  const [hanging, rest] = [channels.slice(0, HANGING), channels.slice(HANGING)];
  const [nameless, healthy] = [rest.slice(0, NAMELESS), rest.slice(NAMELESS)];
  const { port } = new URL(receiver.url);
  const webhooks = channels.map((channel) => {
    const origin = nameless.includes(channel)
      ? `http://${channel}.${DOMAIN}:${port}`
      : receiver.url;
    return { url: `${origin}/${channel}`, channels: [channel] };
  });
  await subscribe(database.url, tenant, webhooks);
  const worker = await startService(
    "worker",
    { ...env, BENCH_NAME_SERVER: names.address },
    NAME_SERVER,
  );
  const load = { ...base(scene, tenant), channels, paths: healthy };
  await warmUp(scene, load);
  const before = await publishSteadily(scene, load);
  isSilent = true;
  await receiver.behave({ silent: hanging, cut: nameless });
  const during = await publishSteadily(scene, load);
  note(scene, "30 beside 50 that hang and 20 without names", before, during);
  await receiver.behave({});
  await worker.stop();
  await names.close();
}

async function manyGreatOnesHang(scene: Scene): Promise<void> {
  const { receiver, env } = scene;
  const hanging = BENCH.channels.slice(0, HANGING_GREAT);
  const worker = await startService("worker", env);
  const load = {
    ...base(scene, BENCH.tenant),
    channels: BENCH.channels,
    paths: BENCH.channels.slice(HANGING_GREAT),
  };
  await warmUp(scene, load);
  const before = await publishSteadily(scene, load);
  const slots = await earnPlaces(scene);
  await receiver.behave({ silent: hanging });
  const during = await publishSteadily(scene, load);
  const name = "30 beside 70 that hang with many slots each";
  scene.note(`${name}: open at once of one before, the least of 100`, slots, "");
  note(scene, name, before, during);
  await receiver.behave({});
  await worker.stop();
}

// The healthy ones come last: what a webhook has earned, it loses by needing it no longer.
async function earnPlaces({ database, receiver }: Scene): Promise<number> {
  await receiver.reset();
  await receiver.behave({ delayMs: EARNING_DELAY_MS });
  for (let from = 0; from < BENCH.channels.length; from += EARNING_AT_ONCE) {
    const channels = BENCH.channels.slice(from, from + EARNING_AT_ONCE);
    const count = channels.length * EARNING_EVENTS;
    await publish(database.url, BENCH.tenant, { count, channels, payload: payloadOf(1_024) });
    const expected = (from + channels.length) * EARNING_EVENTS;
    while ((await receiver.count()).unique < expected) await sleep(50);
  }
  return Math.min(...(await receiver.count()).mostOpen);
}

async function hostileOnes(scene: Scene): Promise<void> {
  const { receiver, database, env, round } = scene;
  const zoo = start(new URL("../children/hostile.ts", import.meta.url), String(HOSTILE));
  const { urls } = await message<{ urls: string[] }>(zoo);
  const tenant = `hostile${round}`;
  const hostile = urls.map((url, n) => ({ url, channels: [`hostile-${n}`] }));
  const channels = Array.from({ length: HEALTHY }, (_, n) => `${tenant}-${n}`);
  const healthy = channels.map((name) => ({ url: `${receiver.url}/${name}`, channels: [name] }));
  await subscribe(database.url, tenant, [...hostile, ...healthy]);
  const worker = await startService("worker", env);
  const load = { ...base(scene, tenant), channels, perSecond: HEALTHY_PER_SECOND };
  await warmUp(scene, load);
  const before = await publishSteadily(scene, load);
  const memory = watchMemory(worker.pid);
  const [during] = await Promise.all([
    publishSteadily(scene, load),
    runPublisher({
      ...base(scene, tenant),
      channels: hostile.flatMap((each) => each.channels),
      seconds: scene.seconds(WINDOW_S),
      load: { perSecond: HOSTILE_PER_SECOND },
    }),
  ]);
  const name = `${HEALTHY} beside ${HOSTILE} hostile ones`;
  scene.note(`${name}: share`, during.share / before.share, "×", { atLeast: 0.9 });
  scene.note(`${name}: p95 before`, before.p95, "ms");
  scene.note(`${name}: p95 during`, during.p95, "ms");
  scene.note(`${name}: p95, during to before`, during.p95 / before.p95, "×", { atMost: 1.2 });
  scene.note(`${name}: memory of the worker, more than before`, memory.stop(), "MB", {
    atMost: 150,
  });
  await worker.stop();
  await stop(zoo);
}

function base({ database }: Scene, tenant: string) {
  return {
    door: "sql" as const,
    url: database.url,
    tenant,
    perSecond: PER_SECOND,
    seconds: WINDOW_S,
  };
}

function note(scene: Scene, name: string, before: Arrived, during: Arrived): void {
  scene.note(`${name}: share`, during.share / before.share, "×", { atLeast: 0.9 });
  scene.note(`${name}: p99 before`, before.p99, "ms");
  scene.note(`${name}: p99 during`, during.p99, "ms");
  scene.note(`${name}: p99, during to before`, during.p99 / before.p99, "×", { atMost: 2 });
}
