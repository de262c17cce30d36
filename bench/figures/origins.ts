// Ten thousand receivers over https, each at an origin of its own: a backlog for all, and a steady rate at which each has its turn.
import { connect } from "node:tls";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { nowMs } from "../clock.ts";
import { residentMb } from "../children.ts";
import { cpuUs } from "../cpu.ts";
import { publishSteadily, warmUp } from "../load.ts";
import {
  measureBacklog,
  noteMeasured,
  openFiles,
  startNames,
  startWorker,
  subscribeOrigins,
  type Audience,
} from "../origins.ts";
import { DOMAIN } from "../receiver.ts";
import { percentiles, type Percentiles } from "../report.ts";
import type { Group, Scene } from "../stage.ts";

const FEW = 1_000;
const MANY = 10_000;
const GUESS_FEW = 8_000; // deliveries a second, for a backlog that lasts
const GUESS_MANY = 3_000;
const PER_SECOND = 1_000; // so that each of the many has one in ten seconds
const SECONDS = 20;
const WARM_UPS = 4; // each of the many once: how long a connection may be idle is 4 s at first, and doubles where that was too short
const DRAIN_MS_MAX = 120_000;
const PROBE_EVERY_MS = 50;

export const origins: Group = {
  title: "Ten thousand receivers over https",
  about:
    `A backlog for ${MANY} webhooks, each at an https origin of its own, once each has had its first ${WARM_UPS}; beside it plain http to ${FEW}. ` +
    `Then, after as many again, ${PER_SECOND} events a second, published at their times whatever the service does, so that each origin has one every ten seconds: ` +
    "from when it was meant to be published to the receiver. Meanwhile somebody else shakes hands with the same receiver, sends a request and " +
    "waits for its answer, twenty times a second. The receiver's end of TLS runs on the same two cores.",
  rounds: 1,
  async run(scene) {
    const names = await startNames(scene);
    const { env } = names;
    const few = await subscribeOrigins(scene, names.http, scene.count(FEW));
    const plain = await measureBacklog(scene, few, { guess: GUESS_FEW, env });
    noteMeasured(scene, `http to ${FEW} origins`, plain);
    const many = await subscribeOrigins(scene, names.https, scene.count(MANY));
    const after = WARM_UPS * many.channels.length;
    const secure = await measureBacklog(scene, many, { guess: GUESS_MANY, after, env });
    const name = `https to ${MANY} origins`;
    noteMeasured(scene, name, secure);
    const ratio = secure.perSecond / plain.perSecond;
    scene.note(`${name}, to http to ${FEW}`, ratio, "×", { atLeast: 0.25 });
    await oneByOne(scene, many, env);
    await names.close();
  },
};

async function oneByOne(scene: Scene, many: Audience, env: NodeJS.ProcessEnv): Promise<void> {
  const worker = await startWorker(scene, env);
  const load = {
    door: "sql" as const,
    url: scene.database.url,
    tenant: many.tenant,
    channels: [...many.channels],
    seconds: SECONDS,
    perSecond: scene.count(PER_SECOND),
  };
  for (let n = 0; n < WARM_UPS; n++) {
    await warmUp(scene, load);
    await drained(scene);
  }
  const before = cpuUs(worker.pid);
  const probing = new AbortController();
  const probed = probe(scene, probing.signal);
  const arrived = await publishSteadily(scene, load);
  probing.abort();
  const cpu = cpuUs(worker.pid) - before;
  const own = await probed;
  const name = `each of ${MANY} once in 10 s`;
  scene.note(`${name}: p50`, arrived.p50, "ms");
  scene.note(`${name}: p99`, arrived.p99, "ms");
  scene.note("a handshake and an answer of the receiver meanwhile: p50", own.p50, "ms");
  scene.note("a handshake and an answer of the receiver meanwhile: p99", own.p99, "ms");
  scene.note(`${name}: p99, to that`, arrived.p99 / own.p99, "×", { atMost: 3 });
  scene.note(`${name}: CPU of the worker`, cpu / arrived.count, "µs a delivery", { atMost: 700 });
  scene.note(`${name}: memory of the worker`, residentMb(worker.pid), "MB");
  scene.note(`${name}: open files of the worker`, openFiles(worker.pid), "");
  await worker.stop();
}

// What shaking hands with all has made late is no part of the steady rate.
async function drained({ database }: Scene): Promise<void> {
  const startedAt = nowMs();
  for (;;) {
    const { rowCount } = await database.sql.query("select from posthorn.deliveries limit 1");
    if (rowCount === 0) return;
    if (nowMs() - startedAt > DRAIN_MS_MAX)
      throw new Error(`not all has arrived in ${DRAIN_MS_MAX / 1_000} s`);
    await sleep(PROBE_EVERY_MS);
  }
}

// Of a stranger to it: a new connection each time, and no session to resume.
async function probe({ receiver }: Scene, until: AbortSignal): Promise<Percentiles> {
  const ca = readFileSync(receiver.authority);
  const tookMs: number[] = [];
  while (!until.aborted) {
    const startedAt = nowMs();
    const servername = `probe.${DOMAIN}`;
    const socket = connect({ host: "127.0.0.1", port: receiver.securePort, servername, ca });
    await once(socket, "secureConnect");
    socket.write("POST /probe HTTP/1.1\r\nhost: probe\r\ncontent-length: 0\r\n\r\n");
    await once(socket, "data");
    tookMs.push(nowMs() - startedAt);
    socket.destroy();
    await sleep(Math.max(0, PROBE_EVERY_MS - (nowMs() - startedAt)));
  }
  return percentiles(tookMs);
}
