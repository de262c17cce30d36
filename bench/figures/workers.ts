// Several workers on one database: nothing twice, and more where there is more to be had.
import { setTimeout as sleep } from "node:timers/promises";

import pg from "pg";

import { barChart } from "../charts.ts";
import { start, startService, stop } from "../children.ts";
import { measureRate } from "../rate.ts";
import { payloadOf, publish } from "../service.ts";
import { BENCH, clear, type Group, type Scene } from "../stage.ts";

const DELIVERIES = 100_000;
const DELAY_MS = 50;
const WINDOW = 100; // slots of each worker: with 50 ms a request that is 2,000 a second, which two cores can double
const SLOW_DELIVERIES = 90_000;
const LOOK_MS = 50;

const STARVED = 4; // workers
const BUSY = 8; // processes beside them: on two processors each gets a seventh of one
const STARVED_DELIVERIES = 30_000;

export const workers: Group = {
  title: "Several workers",
  about:
    `${DELIVERIES.toLocaleString("en")} deliveries by one, two and four workers on the same two cores as all else; and ` +
    `one and two with ${WINDOW} slots each and receivers that take ${DELAY_MS} ms. A claim that is given back and made again counts twice; lock waits are those of the loops' statements. At last ` +
    `${STARVED} workers have ${STARVED_DELIVERIES.toLocaleString("en")} deliveries beside ${BUSY} processes that take all they can get.`,
  rounds: 1,
  async run(scene) {
    for (const count of [1, 2, 4])
      note(scene, nameOf(count), await measure(scene, count, DELIVERIES, {}));
    for (const count of [2, 4])
      scene.note(`${count} to one`, scene.median(nameOf(count)) / scene.median(nameOf(1)), "×", {
        atLeast: 0.9,
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
    const busy = Array.from({ length: BUSY }, () =>
      start(new URL("../children/busy.ts", import.meta.url)),
    );
    const starved = await measure(scene, STARVED, STARVED_DELIVERIES, {});
    await Promise.all(busy.map(stop));
    note(scene, `${nameOf(STARVED)}, starved`, starved);
  },
  charts: (figures) => ({
    "workers.svg": barChart(
      "Deliveries a second by workers on one database",
      figures.all().filter(({ unit }) => unit === "/s"),
    ),
  }),
};

type Measured = Record<"perSecond" | "repeated" | "claims" | "lockWaits" | "uneven", number>;

function note({ note }: Scene, name: string, measured: Measured): void {
  note(name, measured.perSecond, "/s");
  note(`${name}: sent twice`, measured.repeated, "", { atMost: 0 });
  note(`${name}: claims a delivery`, measured.claims, "", { atMost: 1.05 });
  note(`${name}: waits for locks`, measured.lockWaits * 100, "%", { atMost: 1 });
  note(`${name}: furthest from the mean`, measured.uneven * 100, "%", { atMost: 15 });
}

async function measure(
  scene: Scene,
  count: number,
  deliveries: number,
  env: NodeJS.ProcessEnv,
): Promise<Measured> {
  await clear(scene);
  const total = scene.isQuick ? 15_000 : deliveries;
  const isSlow = Object.keys(env).length > 0;
  await publish(scene.database.url, BENCH.tenant, {
    count: total,
    channels: BENCH.channels,
    payload: payloadOf(1_024),
  });
  if (isSlow) await scene.receiver.behave({ delayMs: DELAY_MS });
  const { sql } = scene.database;
  const updatesBefore = await updates(sql);
  const watching = watchWaits(scene.database.url);
  const started = await Promise.all(
    Array.from({ length: count }, () => startService("worker", { ...scene.env, ...env })),
  );
  const pids = started.map(({ pid }) => pid);
  const { perSecond } = await measureRate(scene, pids, { seconds: Infinity, total });
  for (const worker of started) await worker.stop();
  const { requests, unique } = await scene.receiver.count();
  const { rows } = await sql.query<{ count: number }>(
    `select count(*)::integer as count from posthorn.attempts
     where tenant = $1 and worker ~ ('[:](' || array_to_string($2::integer[], '|') || ')/') group by worker`,
    [BENCH.tenant, pids],
  );
  const mean = total / count;
  return {
    perSecond,
    repeated: requests - unique,
    claims: ((await updates(sql)) - updatesBefore) / total,
    lockWaits: await watching.end(),
    uneven: Math.max(...rows.map((each) => Math.abs(each.count - mean))) / mean,
  };
}

// A claim is an update, and so is giving back; what is delivered is deleted.
async function updates(sql: pg.Client): Promise<number> {
  await sql.query("select pg_stat_force_next_flush()");
  const { rows } = await sql.query<{ count: string }>(
    "select n_tup_upd as count from pg_stat_user_tables where relid = 'posthorn.deliveries'::regclass",
  );
  return Number(rows[0]?.count);
}

// Looks at what the loops' statements are at, and answers which share waits for a lock.
function watchWaits(url: string): { end(): Promise<number> } {
  const sql = new pg.Client({ connectionString: url });
  const looks = { all: 0, waiting: 0 };
  const over = new AbortController();
  const watching = (async () => {
    await sql.connect();
    while (!over.signal.aborted) {
      const { rows } = await sql.query<{ all: number; waiting: number }>(
        `select count(*)::integer as all, count(*) filter (where wait_event_type = 'Lock')::integer as waiting
         from pg_stat_activity where state = 'active' and application_name = 'posthorn worker'`,
      );
      looks.all += rows[0]?.all ?? 0;
      looks.waiting += rows[0]?.waiting ?? 0;
      await sleep(LOOK_MS);
    }
    await sql.end();
  })();
  return {
    async end() {
      over.abort();
      await watching;
      return looks.waiting / Math.max(1, looks.all);
    },
  };
}

function nameOf(count: number): string {
  return count === 1 ? "one worker" : `${count} workers`;
}
