// What a transaction that somebody leaves open costs: nothing that is deleted meanwhile can be cleaned away.
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { startService } from "../children.ts";
import { timeLoopClaims } from "../claims.ts";
import { nowMs } from "../clock.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const STEPS = 3;
const DELIVERED = 20_000; // in each
const CLAIMED = 4_500; // rows that were never claimed before, of each measurement
const CLAIM_MS = 50;
const RATIO = 1.5;
const OLD_MS = 61_000; // a transaction of a minute is not yet old
const WARNED_WITHIN_MS = 65_000; // of a worker's start: it looks once a minute

export const oldTransaction: Group = {
  title: "Under an open transaction",
  about:
    "A transaction is left open by another session; meanwhile deliveries go on, whose dead rows can't be cleaned away, " +
    `nor those of the ${CLAIMED.toLocaleString("en")} that each measurement publishes, claims and deletes: ` +
    "first of 100 webhooks, then, under another one, as many of a single webhook. Claims are made as a worker makes them, " +
    "one after the other: where looking at all webhooks is slow it does so a quarter of the time, and else goes on from " +
    "where it was in those that it knows; p99 is that of the former. Those in vain find nothing but what is dead or taken. " +
    "A claim of one webhook takes the 16 that it may have in flight.",
  rounds: 1,
  async run(scene) {
    await underOpenTransaction(scene, async (pid, openedAt) => {
      for (let step = 0; step <= STEPS; step++) {
        if (step > 0) await deliver(scene, DELIVERED, BENCH.channels);
        await noteClaims(scene, "claim of 50", step * DELIVERED, BENCH.channels);
      }
      noteRatios(scene, "claim of 50");
      await noteWarning(scene, pid, openedAt);
    });
    await clear(scene);
    await underOpenTransaction(scene, async () => {
      const one = BENCH.channels.slice(0, 1);
      await noteClaims(scene, "all of one webhook", 0, one);
      await deliver(scene, STEPS * DELIVERED, one);
      await noteClaims(scene, "all of one webhook", STEPS * DELIVERED, one);
      noteRatios(scene, "all of one webhook");
    });
  },
};

async function underOpenTransaction(
  { database }: Scene,
  act: (pid: number, openedAt: number) => Promise<void>,
): Promise<void> {
  const dump = new pg.Client({ connectionString: database.url, application_name: "dump" });
  await dump.connect();
  await dump.query("begin isolation level repeatable read");
  const { rows } = await dump.query<{ pid: number }>("select pg_backend_pid() as pid");
  try {
    await act(rows[0]?.pid ?? 0, nowMs());
  } finally {
    await dump.query("rollback");
    await dump.end();
  }
}

async function deliver(scene: Scene, full: number, channels: string[]): Promise<void> {
  const { database, receiver, count, env } = scene;
  await receiver.reset();
  const load = { count: count(full), channels, payload: payloadOf(1_024) };
  await publish(database.url, BENCH.tenant, load);
  const worker = await startService("worker", env);
  while ((await receiver.count()).unique < load.count) await sleep(100);
  await worker.stop();
}

async function noteClaims(
  { database, note }: Scene,
  kind: string,
  delivered: number,
  channels: string[],
): Promise<void> {
  await publish(database.url, BENCH.tenant, {
    count: CLAIMED,
    channels,
    payload: payloadOf(100),
  });
  const { claims, inVain } = await timeLoopClaims(database.url, CLAIMED);
  await database.sql.query("delete from posthorn.deliveries where bucket = 0");
  for (const [name, { p50, p99 }] of [
    [kind, claims],
    [`${kind}, in vain`, inVain],
  ] as const) {
    note(nameOf(name, "p50", delivered), p50, "ms");
    note(nameOf(name, "p99", delivered), p99, "ms", { atMost: CLAIM_MS });
  }
}

function noteRatios({ note, median }: Scene, kind: string): void {
  const [first = 0, last = 0] = [0, STEPS * DELIVERED].map((n) => median(nameOf(kind, "p50", n)));
  note(`${kind}: p50, after the last to before the first`, last / first, "×", { atMost: RATIO });
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

function nameOf(kind: string, share: string, delivered: number): string {
  return `${kind} after ${delivered.toLocaleString("en")} deliveries: ${share}`;
}
