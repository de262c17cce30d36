// What the healthy webhooks feel of those that hang.
import { startDnsServer } from "../../test/helpers/dns-server.ts";
import { NAME_SERVER, startService } from "../children.ts";
import { publishSteadily, warmUp, type Arrived } from "../load.ts";
import { DOMAIN } from "../receiver.ts";
import { payloadOf, publish, subscribe } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const PER_SECOND = 500;
const WINDOW_S = 25; // more than twice the 10 s after which a hanging request is given up
const QUEUED = 100_000;
const [HANGING, NAMELESS, ALL] = [50, 20, 100];

export const isolation: Group = {
  title: "Isolation",
  about:
    `${PER_SECOND} events a second, open loop, to 100 webhooks, first with all of them well and then, in the same ` +
    "worker with default settings, with some that take requests and never answer, or whose name servers fall silent. " +
    "All had been well before. The share is of what was published to the healthy ones and had arrived at the end.",
  rounds: 1,
  async run(scene) {
    await oneHangs(scene);
    await clear(scene);
    await manyHang(scene);
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
