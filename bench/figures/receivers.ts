// Receivers as they are out there: slow, and behind TLS, each at an origin of its own.
import { startDnsServer } from "../../test/helpers/dns-server.ts";
import { NAME_SERVER, residentMb, startService } from "../children.ts";
import { measureRate } from "../rate.ts";
import { DOMAIN } from "../receiver.ts";
import { payloadOf, publish, subscribe } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const DELAY_MS = 100;
const IN_FLIGHT = 1_000;
const ORIGINS = 1_000;
const WINDOW_S = 20;
const GUESS_SLOW = 5_500; // deliveries a second, for a backlog that lasts
const GUESS_ORIGINS = 8_000;

export const receivers: Group = {
  title: "Slow and secure receivers",
  about:
    `Receivers that answer after ${DELAY_MS} ms, ${IN_FLIGHT} in flight; and ${ORIGINS} webhooks, each at an ` +
    "origin of its own, over http with 256 in flight, and over https with 256 and with 1,000. The receiver's end of TLS runs on the same two cores.",
  rounds: 1,
  async run(scene) {
    await scene.receiver.behave({ delayMs: DELAY_MS });
    const slow = await measure(scene, BENCH.tenant, BENCH.channels, GUESS_SLOW, {
      POSTHORN_CONCURRENCY: String(IN_FLIGHT),
    });
    note(scene, `receivers of ${DELAY_MS} ms`, slow, 5_000);
    const names = await startDnsServer(() => ["127.0.0.1"]);
    const { receiver } = scene;
    const env = { BENCH_NAME_SERVER: names.address, NODE_EXTRA_CA_CERTS: receiver.authority };
    const http = { scheme: "http", port: new URL(receiver.url).port };
    const https = { scheme: "https", port: String(receiver.securePort) };
    const plain = await toOrigins(scene, http, env, 256);
    note(scene, `http to ${ORIGINS} origins, 256 in flight`, plain);
    for (const inFlight of [256, IN_FLIGHT]) {
      const secure = await toOrigins(scene, https, env, inFlight);
      const name = `https to ${ORIGINS} origins, ${inFlight} in flight`;
      note(scene, name, secure);
      scene.note(`${name}, to http`, secure.perSecond / plain.perSecond, "×", { atLeast: 0.6 });
    }
    await names.close();
  },
};

type At = { scheme: string; port: string };

// To webhooks each at an origin of its own.
async function toOrigins(scene: Scene, at: At, env: NodeJS.ProcessEnv, inFlight: number) {
  await clear(scene);
  const { scheme, port } = at;
  const tenant = `${scheme}${inFlight}-${scene.round}`;
  const channels = Array.from({ length: ORIGINS }, (_, n) => `${tenant}-${n}`);
  const urlOf = (name: string) => `${scheme}://${name}.${DOMAIN}:${port}/${name}`;
  await subscribe(
    scene.database.url,
    tenant,
    channels.map((name) => ({ url: urlOf(name), channels: [name] })),
  );
  const settings = { ...env, POSTHORN_CONCURRENCY: String(inFlight) };
  return measure(scene, tenant, channels, GUESS_ORIGINS, settings);
}

type Measured = { perSecond: number; cpuUs: number; memoryMb: number };

async function measure(
  scene: Scene,
  tenant: string,
  channels: readonly string[],
  guess: number,
  env: NodeJS.ProcessEnv,
): Promise<Measured> {
  const seconds = scene.seconds(WINDOW_S);
  const count = guess * (seconds + 6);
  await publish(scene.database.url, tenant, { count, channels, payload: payloadOf(1_024) });
  const execArgv = env["BENCH_NAME_SERVER"] === undefined ? [] : NAME_SERVER;
  const worker = await startService("worker", { ...scene.env, ...env }, execArgv);
  const rate = await measureRate(scene, [worker.pid], { seconds, total: count });
  const memoryMb = residentMb(worker.pid);
  await worker.stop();
  return { ...rate, memoryMb };
}

function note(scene: Scene, name: string, measured: Measured, goal?: number): void {
  const { perSecond, cpuUs, memoryMb } = measured;
  scene.note(name, perSecond, "/s", goal === undefined ? undefined : { atLeast: goal });
  scene.note(`${name}: CPU of the worker`, cpuUs, "µs a delivery");
  scene.note(`${name}: memory of the worker`, memoryMb, "MB");
}
