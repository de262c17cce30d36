// What a transaction that somebody leaves open costs: nothing that is deleted meanwhile can be cleaned away.
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { startService } from "../children.ts";
import { CLAIMED, timeClaims } from "../claims.ts";
import { nowMs } from "../clock.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, type Group, type Scene } from "../stage.ts";

const STEPS = 3;
const DELIVERED = 20_000; // in each
const CLAIMS = 20; // each of rows that were never claimed: giving back the same ones would leave more behind than deliveries do
const OLD_MS = 61_000; // a transaction of a minute is not yet old
const WARNED_WITHIN_MS = 65_000; // of a worker's start: it looks once a minute

export const oldTransaction: Group = {
  title: "Under an open transaction",
  about:
    "A transaction is left open by another session; meanwhile deliveries go on, whose dead rows can't be cleaned away.",
  rounds: 1,
  async run(scene) {
    const dump = new pg.Client({ connectionString: scene.database.url, application_name: "dump" });
    await dump.connect();
    await dump.query("begin isolation level repeatable read");
    const { rows } = await dump.query<{ pid: number }>("select pg_backend_pid() as pid");
    const openedAt = nowMs();
    try {
      for (let step = 0; step <= STEPS; step++) {
        if (step > 0) await deliver(scene);
        await noteClaim(scene, step * DELIVERED);
      }
      const ratio = scene.median(nameOf(STEPS * DELIVERED)) / scene.median(nameOf(0));
      scene.note("after the last to before the first", ratio, "×");
      await noteWarning(scene, rows[0]?.pid ?? 0, openedAt);
    } finally {
      await dump.query("rollback");
      await dump.end();
    }
  },
};

async function deliver(scene: Scene): Promise<void> {
  const { database, receiver, count, env } = scene;
  await receiver.reset();
  const load = { count: count(DELIVERED), channels: BENCH.channels, payload: payloadOf(1_024) };
  await publish(database.url, BENCH.tenant, load);
  const worker = await startService("worker", env);
  while ((await receiver.count()).unique < load.count) await sleep(100);
  await worker.stop();
}

async function noteClaim({ database, note }: Scene, delivered: number): Promise<void> {
  const count = CLAIMS * CLAIMED;
  await publish(database.url, BENCH.tenant, { count, ...BENCH, payload: payloadOf(100) });
  const { p50, p99 } = await timeClaims(database.url, { times: CLAIMS, isKept: true });
  note(nameOf(delivered), p50, "ms", { atMost: 50 });
  note(`${nameOf(delivered)}, p99`, p99, "ms");
  await database.sql.query("delete from posthorn.deliveries where bucket = 0");
}

async function noteWarning({ env, note }: Scene, pid: number, openedAt: number): Promise<void> {
  await sleep(Math.max(0, openedAt + OLD_MS - nowMs()));
  const worker = await startService("worker", env);
  const startedAt = nowMs();
  const isNamed = () => worker.warnings.some((line) => line.includes(`"pid":${pid}`));
  while (!isNamed() && nowMs() - startedAt < WARNED_WITHIN_MS) await sleep(500);
  note("the worker's log names the session that holds it", isNamed() ? 1 : 0, "of 1", {
    atLeast: 1,
  });
  await worker.stop();
}

function nameOf(delivered: number): string {
  return `claim of 50 after ${delivered.toLocaleString("en")} deliveries`;
}
