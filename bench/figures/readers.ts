// What deliveries feel of those who read: ten who ask five times a second each, of an api beside the worker.
import { startService, type Service } from "../children.ts";
import { nowMs } from "../clock.ts";
import { publishSteadily, warmUp } from "../load.ts";
import { BENCH, type Scene } from "../stage.ts";

const READERS = 10;
const EACH_MS = 200;
const PER_SECOND = 200; // events
const WINDOW_S = 20;
const SLOWER_MAX = 1.2;

/** Notes how late deliveries are without readers and with; `ask` asks the n-th question. */
export async function noteReaders(
  scene: Scene,
  api: Service,
  ask: (n: number) => Promise<void>,
): Promise<void> {
  const worker = await startService("worker", scene.env);
  const load = {
    door: "http" as const,
    url: api.url,
    tenant: BENCH.tenant,
    channels: BENCH.channels,
    seconds: WINDOW_S,
    perSecond: PER_SECOND,
  };
  await warmUp(scene, load);
  const { p99: alone } = await publishSteadily(scene, load);
  const stop = startReaders(ask);
  const { p99: beside } = await publishSteadily(scene, load);
  const perSecond = await stop();
  await worker.stop();
  scene.note(`deliveries, ${PER_SECOND} a second: p99`, alone, "ms");
  scene.note(`the same beside ${READERS} readers: p99`, beside, "ms");
  scene.note("with readers to without", beside / alone, "×", { atMost: SLOWER_MAX });
  scene.note("answers to readers", perSecond, "/s");
}

// Each asks when it is time, unless its last question is not answered yet, and at a time of its own: all in the same millisecond
// would be one who asks ten questions at once, five times a second. Stopped, it tells how many answers a second there were.
function startReaders(ask: (n: number) => Promise<void>): () => Promise<number> {
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
    const perSecond = (answered / (nowMs() - startedAt)) * 1_000;
    await Promise.all(open);
    if (failure !== undefined) throw failure as Error;
    return perSecond;
  };
}
