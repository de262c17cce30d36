// Several workers on one database: nothing twice, and more where there is more to be had.
import { barChart } from "../charts.ts";
import { startService } from "../children.ts";
import { measureRate } from "../rate.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const DELIVERIES = 100_000;
const DELAY_MS = 50;
const WINDOW = 100; // slots of each worker: with 50 ms a request that is 2,000 a second, which two cores can double
const SLOW_DELIVERIES = 90_000;

export const workers: Group = {
  title: "Several workers",
  about:
    `${DELIVERIES.toLocaleString("en")} deliveries by one, two and four workers on the same two cores as all else; and ` +
    `one and two with ${WINDOW} slots each and receivers that take ${DELAY_MS} ms.`,
  rounds: 1,
  async run(scene) {
    for (const count of [1, 2, 4]) {
      const { perSecond, repeated } = await measure(scene, count, DELIVERIES, {});
      scene.note(nameOf(count), perSecond, "/s");
      scene.note(`${nameOf(count)}: sent twice`, repeated, "", { atMost: 0 });
    }
    for (const count of [2, 4])
      scene.note(`${count} to one`, scene.median(nameOf(count)) / scene.median(nameOf(1)), "×", {
        atLeast: 0.8,
      });
    const slow = (count: number) => `${nameOf(count)}, receivers of ${DELAY_MS} ms`;
    for (const count of [1, 2]) {
      const { perSecond } = await measure(scene, count, count * (SLOW_DELIVERIES / 2), {
        POSTHORN_CONCURRENCY: String(WINDOW),
      });
      scene.note(slow(count), perSecond, "/s");
    }
    const ratio = scene.median(slow(2)) / scene.median(slow(1));
    scene.note(`2 to one, receivers of ${DELAY_MS} ms`, ratio, "×", { atLeast: 1.7 });
  },
  charts: (figures) => ({
    "workers.svg": barChart(
      "Deliveries a second by workers on one database",
      figures.all().filter(({ unit }) => unit === "/s"),
    ),
  }),
};

async function measure(
  scene: Scene,
  count: number,
  deliveries: number,
  env: NodeJS.ProcessEnv,
): Promise<{ perSecond: number; repeated: number }> {
  await clear(scene);
  const total = scene.isQuick ? 15_000 : deliveries;
  const isSlow = Object.keys(env).length > 0;
  await publish(scene.database.url, BENCH.tenant, {
    count: total,
    channels: BENCH.channels,
    payload: payloadOf(1_024),
  });
  if (isSlow) await scene.receiver.behave({ delayMs: DELAY_MS });
  const started = await Promise.all(
    Array.from({ length: count }, () => startService("worker", { ...scene.env, ...env })),
  );
  const pids = started.map(({ pid }) => pid);
  const { perSecond } = await measureRate(scene, pids, { seconds: Infinity, total });
  for (const worker of started) await worker.stop();
  const { requests, unique } = await scene.receiver.count();
  return { perSecond, repeated: requests - unique };
}

function nameOf(count: number): string {
  return count === 1 ? "one worker" : `${count} workers`;
}
