// Webhooks that are each at an origin of their own, and a worker that delivers a backlog to them.
import { readdirSync } from "node:fs";

import { startDnsServer } from "../test/helpers/dns-server.ts";
import { NAME_SERVER, residentMb, startService, type Service } from "./children.ts";
import { measureRate } from "./rate.ts";
import { DOMAIN } from "./receiver.ts";
import { payloadOf, publish, subscribe } from "./service.ts";
import { clear, type Scene } from "./stage.ts";

const WINDOW_S = 20;

/** Where the receiver is, under any name. */
type At = { scheme: "http" | "https"; port: number };

/** A tenant and its channels, each of one webhook. */
export type Audience = { tenant: string; channels: readonly string[] };

export type Measured = { perSecond: number; cpuUs: number; memoryMb: number; files: number };

/** Starts the name server under which all names lead to the receiver, and tells what a worker needs to follow it. */
export async function startNames({ receiver }: Scene) {
  const names = await startDnsServer(() => ["127.0.0.1"]);
  return {
    env: { BENCH_NAME_SERVER: names.address, NODE_EXTRA_CA_CERTS: receiver.authority },
    http: { scheme: "http", port: Number(new URL(receiver.url).port) } as const,
    https: { scheme: "https", port: receiver.securePort } as const,
    close: () => names.close(),
  };
}

/** Subscribes webhooks of a tenant of their own, each at an origin of its own. */
export async function subscribeOrigins(scene: Scene, at: At, count: number): Promise<Audience> {
  const tenant = `${at.scheme}${count}-${scene.round}`;
  const channels = Array.from({ length: count }, (_, n) => `${tenant}-${n}`);
  const urlOf = (name: string) => `${at.scheme}://${name}.${DOMAIN}:${at.port}/${name}`;
  await subscribe(
    scene.database.url,
    tenant,
    channels.map((name) => ({ url: urlOf(name), channels: [name] })),
  );
  return { tenant, channels };
}

/** Starts a worker; one that has names to resolve asks the bench's name server. */
export function startWorker(scene: Scene, env: NodeJS.ProcessEnv): Promise<Service> {
  const execArgv = env["BENCH_NAME_SERVER"] === undefined ? [] : NAME_SERVER;
  return startService("worker", { ...scene.env, ...env }, execArgv);
}

/** Measures a backlog for all of the audience, at a guess of the rate, once `after` have arrived. */
export async function measureBacklog(
  scene: Scene,
  { tenant, channels }: Audience,
  { guess, after = 1, env }: { guess: number; after?: number; env: NodeJS.ProcessEnv },
): Promise<Measured> {
  const seconds = scene.seconds(WINDOW_S);
  const count = after + guess * (seconds + 6);
  await publish(scene.database.url, tenant, { count, channels, payload: payloadOf(1_024) });
  const worker = await startWorker(scene, env);
  const rate = await measureRate(scene, [worker.pid], { seconds, total: count, after });
  const held = { memoryMb: residentMb(worker.pid), files: openFiles(worker.pid) };
  await worker.stop();
  await clear(scene);
  return { ...rate, ...held };
}

/** Files and sockets that a process holds; not a number where there is no /proc. */
export function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return Number.NaN;
  }
}

export function noteMeasured(scene: Scene, name: string, measured: Measured, goal?: number): void {
  const { perSecond, cpuUs, memoryMb, files } = measured;
  scene.note(name, perSecond, "/s", goal === undefined ? undefined : { atLeast: goal });
  scene.note(`${name}: CPU of the worker`, cpuUs, "µs a delivery");
  scene.note(`${name}: memory of the worker`, memoryMb, "MB");
  scene.note(`${name}: open files of the worker`, files, "");
}
