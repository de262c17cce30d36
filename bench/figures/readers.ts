// What deliveries feel of those who read: ten who ask five times a second each, of an api beside the worker.
import { startService, type Service } from "../children.ts";
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
  const answered = await stop();
  await worker.stop();
  scene.note(`deliveries, ${PER_SECOND} a second: p99`, alone, "ms");
  scene.note(`the same beside ${READERS} readers: p99`, beside, "ms");
  scene.note("with readers to without", beside / alone, "×", { atMost: SLOWER_MAX });
  scene.note("answers to readers", answered / scene.seconds(WINDOW_S), "/s");
}

// Each asks when it is time, unless its last question is not answered yet. Stopped, it tells how many answers there were.
function startReaders(ask: (n: number) => Promise<void>): () => Promise<number> {
  let asked = 0;
  let answered = 0;
  let failure: unknown;
  const open = new Set<Promise<void>>();
  const timers = Array.from({ length: READERS }, () => {
    let isAsking = false;
    return setInterval(() => {
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
    }, EACH_MS);
  });
  return async () => {
    timers.forEach((timer) => clearInterval(timer));
    const count = answered;
    await Promise.all(open);
    if (failure !== undefined) throw failure as Error;
    return count;
  };
}
