// What deliveries feel of those who read: ten who ask five times a second each, of an api beside the worker.
import { request } from "undici";

import { message, start, startService, stop, type Service } from "../children.ts";
import type { Spending } from "../children/spending.ts";
import { nowMs } from "../clock.ts";
import { cpuUs } from "../cpu.ts";
import { publishSteadily, warmUp, type SteadyLoad } from "../load.ts";
import type { Goal } from "../report.ts";
import { BENCH, type Scene } from "../stage.ts";

const READERS = 10;
const EACH_MS = 200;
const PER_SECOND = 200; // events
const WINDOW_S = 6;
const TURNS = 6; // with readers and without: what the machine does once spoils one short window, and meets both alike
const SLOWER_MAX = 1.2;

/**
 * Notes how late deliveries are without readers and with, in turn, of what is published by SQL, and by HTTP through the api that the
 * readers ask, too; `ask` asks the n-th question. The limit is the same beside a server that only spends as much CPU time.
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
  for (const load of [bySql, byHttp]) await warmUp(scene, load);

  const spent = () => ({ ownUs: cpuUs(api.pid), databaseUs: database.cpuUs() });
  const measure = async (load: SteadyLoad) => {
    const before = spent();
    const { p99 } = await publishSteadily(scene, load);
    return { p99, ...moreThan(before, spent()) };
  };
  // Answers what one answer to them takes.
  const inTurn = async (
    how: string,
    load: SteadyLoad,
    who: string,
    question: Question,
    goal?: Goal,
  ) => {
    const more: Spending = { ownUs: 0, databaseUs: 0 };
    let answered = 0;
    for (let turn = 0; turn < TURNS; turn++) {
      const alone = await measure(load);
      const stopReaders = startReaders(question);
      const beside = await measure(load);
      const { answers, perSecond } = await stopReaders();
      const ofThem = moreThan(alone, beside);
      more.ownUs += ofThem.ownUs;
      more.databaseUs += ofThem.databaseUs;
      answered += answers;
      scene.note(`${how}: p99`, alone.p99, "ms");
      scene.note(`${how}, ${who}: p99`, beside.p99, "ms");
      scene.note(`${how}, ${who}, to without`, beside.p99 / alone.p99, "×", goal);
      scene.note(`answers a second, ${how}, ${who}`, perSecond, "/s");
    }
    return { ownUs: more.ownUs / answered, databaseUs: more.databaseUs / answered };
  };
  const readers = `beside ${READERS} readers`;
  const goal = { atMost: SLOWER_MAX };
  const ofAnswer = await inTurn("by SQL", bySql, readers, ask, goal);
  await inTurn("by HTTP through the readers' api", byHttp, readers, ask, goal);
  scene.note("CPU of the api, an answer", ofAnswer.ownUs / 1_000, "ms");
  scene.note("CPU of the database, an answer", ofAnswer.databaseUs / 1_000, "ms");

  const spending = start(
    new URL("../children/spending.ts", import.meta.url),
    JSON.stringify(ofAnswer),
  );
  const { url } = await message<{ url: string }>(spending);
  await inTurn("by SQL", bySql, "limit: beside a server that only spends as much", async () => {
    await (await request(url, { method: "POST" })).body.text();
  });
  await stop(spending);
  await worker.stop();
}

type Question = (n: number) => Promise<void>;

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
