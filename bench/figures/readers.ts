// What deliveries feel of those who read: ten who ask five times a second each, of an api beside the worker.
import { request } from "undici";

import { message, start, startService, stop, type Service } from "../children.ts";
import type { Spending } from "../children/spending.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import { publishSteadily, warmUp, type SteadyLoad } from "../load.ts";
import { BENCH, type Scene } from "../stage.ts";

const READERS = 10;
const EACH_MS = 200;
const PER_SECOND = 200; // events
const WINDOW_S = 20;
const SLOWER_MAX = 1.2;

/**
 * Notes how late deliveries are without readers and with, of what is published by SQL, and by HTTP through the api that the readers
 * ask, too; `ask` asks the n-th question. The limit is the same beside a server that only spends as much CPU time.
 */
export async function noteReaders(
  scene: Scene,
  api: Service,
  ask: (n: number) => Promise<void>,
): Promise<void> {
  const { database } = scene;
  const worker = await startService("worker", scene.env);
  const common = { ...BENCH, seconds: WINDOW_S, perSecond: PER_SECOND };
  const bySql = { ...common, door: "sql" as const, url: database.url };
  const byHttp = { ...common, door: "http" as const, url: api.url };
  const spent = () => ({ ownUs: cpuUs(api.pid), databaseUs: database.cpuUs() });
  const measure = async (load: SteadyLoad) => {
    const before = spent();
    const { p99 } = await publishSteadily(scene, load);
    return { p99, ...moreThan(before, spent()) };
  };
  for (const load of [bySql, byHttp]) await warmUp(scene, load);
  const alone = { sql: await measure(bySql), http: await measure(byHttp) };
  const stop = startReaders(ask);
  const sql = await measure(bySql);
  const { answers, perSecond } = await stop();
  const stopAgain = startReaders(ask);
  const http = await measure(byHttp);
  await stopAgain();
  const ofReaders = moreThan(alone.sql, sql);
  const ofAnswer = {
    ownUs: ofReaders.ownUs / answers,
    databaseUs: ofReaders.databaseUs / answers,
  };
  const besideLimit = await besideSpending(ofAnswer, async () => (await measure(bySql)).p99);
  await worker.stop();
  const note = (how: string, { p99 }: { p99: number }, beside: { p99: number }) => {
    const what = `deliveries of ${PER_SECOND} events a second ${how}`;
    scene.note(`${what}: p99`, p99, "ms");
    scene.note(`${what}, beside ${READERS} readers: p99`, beside.p99, "ms");
    scene.note(`${what}, with readers to without`, beside.p99 / p99, "×", { atMost: SLOWER_MAX });
  };
  note("by SQL", alone.sql, sql);
  note("by HTTP, through the readers' api", alone.http, http);
  scene.note("answers to readers", perSecond, "/s");
  scene.note("CPU of the api, an answer", ofAnswer.ownUs / 1_000, "ms");
  scene.note("CPU of the database, an answer", ofAnswer.databaseUs / 1_000, "ms");
  scene.note("limit, a server that only spends as much, by SQL: p99", besideLimit, "ms");
  scene.note("limit, with readers to without", besideLimit / alone.sql.p99, "×");
}

// Its readers ask as often.
async function besideSpending(ofAnswer: Spending, measure: () => Promise<number>): Promise<number> {
  const spending = start(
    new URL("../children/spending.ts", import.meta.url),
    JSON.stringify(ofAnswer),
  );
  const { url } = await message<{ url: string }>(spending);
  const stopReaders = startReaders(async () => {
    await (await request(url, { method: "POST" })).body.text();
  });
  const p99 = await measure();
  await stopReaders();
  await stop(spending);
  return p99;
}

const moreThan = (less: Spending, more: Spending): Spending => ({
  ownUs: more.ownUs - less.ownUs,
  databaseUs: more.databaseUs - less.databaseUs,
});

// Each asks when it is time, unless its last question is not answered yet, and at a time of its own: all in the same millisecond
// would be one who asks ten questions at once, five times a second. Stopped, it tells how many answers there were.
function startReaders(
  ask: (n: number) => Promise<void>,
): () => Promise<{ answers: number; perSecond: number }> {
  const startedAt = nowMs();
  let asked = 0;
  let answered = 0;
  let failure: unknown;
  const open = new Set<Promise<void>>();
  const timers: NodeJS.Timeout[] = [];
  for (let reader = 0; reader < READERS; reader++) {
    let isAsking = false;
    const askAgain = () => {
      if (isAsking) return;
      isAsking = true;
      const answer = ask(asked++)
        .then(() => {
          answered++;
        })
        .catch((error: unknown) => (failure ??= error))
        .finally(() => {
          isAsking = false;
          open.delete(answer);
        }) as Promise<void>;
      open.add(answer);
    };
    const begin = () => timers.push(setInterval(askAgain, EACH_MS));
    timers.push(setTimeout(begin, (reader * EACH_MS) / READERS));
  }
  return async () => {
    timers.forEach((timer) => clearInterval(timer));
    const answers = answered;
    const perSecond = (answers / (nowMs() - startedAt)) * 1_000;
    await Promise.all(open);
    if (failure !== undefined) throw failure as Error;
    return { answers, perSecond };
  };
}
