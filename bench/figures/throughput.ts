// What one worker delivers in a second, beside the limits of HTTP clients alone and beside other queues.
import { barChart } from "../charts.ts";
import { CLIENTS } from "../children/senders.ts";
import type { Rate } from "../rate.ts";
import { startRedis } from "../redis.ts";
import { limitName, OURS, peerName, runLimit, runOurs, runPeer, type PeerRun } from "../runs.ts";
import { clear, type Group, type Scene } from "../stage.ts";

const PEER_RUNS: PeerRun[] = (["graphile-worker", "pg-boss", "BullMQ"] as const).flatMap((peer) => [
  { peer, client: "got", isRecorded: false },
  { peer, client: "undici", isRecorded: false },
  { peer, client: "undici", isRecorded: true },
]);

export const throughput: Group = {
  title: "One worker",
  about:
    "Signed webhooks of 1 KB to 100 URLs, 256 in flight, all on one machine. Everybody's backlog is there before the " +
    "worker starts; the receiver checks every signature and counts each delivery once, over a window of 20 s after a " +
    "warm-up. Ours writes its full records, and after each run they are counted. The limits are the client alone, " +
    "without a database. Peers run their documented batches (graphile-worker: local queue of 500; pg-boss: two loops " +
    "over fetch and complete, 500 each; BullMQ: Redis with `appendfsync always`); “+ row” is a peer that writes the " +
    "attempt row that ours writes, batched where its interface has a batch.",
  rounds: 3,
  async run(scene) {
    const redis = await startRedis();
    if (!redis && scene.round === 0)
      console.log("redis-server is not installed: BullMQ is left out");
    const runs = [
      ...CLIENTS.map((client) => () => runLimit(scene, client)),
      () => runOurs(scene),
      ...PEER_RUNS.filter(({ peer }) => redis || peer !== "BullMQ").map(
        (run) => () => runPeer(scene, run, redis),
      ),
    ];
    const rates = new Map<string, Rate>();
    for (const run of shuffled(runs)) {
      await clear(scene);
      const [name, rate] = await run();
      rates.set(name, rate);
      console.log(`  ${name}: ${Math.round(rate.perSecond)}/s`);
    }
    await redis?.stop();
    note(scene, rates);
  },
  charts: (figures) => ({
    "throughput.svg": barChart(
      "Deliveries a second, one worker (median; whiskers: min and max)",
      figures.all().filter(({ unit }) => unit === "/s"),
      (name) => name === OURS,
    ),
  }),
};

function note(scene: Scene, rates: ReadonlyMap<string, Rate>): void {
  const of = (name: string) => rates.get(name)?.perSecond ?? Number.NaN;
  for (const [name, { perSecond }] of inOrder(rates)) scene.note(name, perSecond, "/s");
  const ratio = (to: string, goal: number) =>
    scene.note(`ours to ${to}`, of(OURS) / of(to), "×", { atLeast: goal });
  ratio(limitName("posthorn"), 0.6);
  ratio(limitName("undici"), 0.35);
  scene.note(
    "our client alone to node:http alone",
    of(limitName("posthorn")) / of(limitName("node:http")),
    "×",
    { atLeast: 0.65 },
  );
  for (const run of PEER_RUNS) {
    if (!rates.has(peerName(run))) continue;
    if (run.client === "got") ratio(peerName(run), run.peer === "BullMQ" ? 2 : 3);
    else ratio(peerName(run), run.isRecorded ? 1.3 : 0.9);
  }
  const ours = rates.get(OURS);
  scene.note("CPU of the worker, a delivery", ours?.cpuUs ?? Number.NaN, "µs", { atMost: 200 });
  scene.note("CPU of the database, a delivery", ours?.databaseCpuUs ?? Number.NaN, "µs");
  for (const client of CLIENTS)
    scene.note(
      `CPU of ${limitName(client)}`,
      rates.get(limitName(client))?.cpuUs ?? Number.NaN,
      "µs",
    );
}

function inOrder(rates: ReadonlyMap<string, Rate>): [string, Rate][] {
  const order = [OURS, ...CLIENTS.map(limitName), ...PEER_RUNS.map(peerName)];
  return [...rates].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b));
}

// So that the machine's moods meet all alike.
function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, by: Math.random() }))
    .sort((a, b) => a.by - b.by)
    .map(({ item }) => item);
}
