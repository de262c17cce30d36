// From the moment an event was meant to be published until the receiver has it.
import { groupedBars } from "../charts.ts";
import { startService } from "../children.ts";
import { publishSteadily, warmUp } from "../load.ts";
import { BENCH, clear, WIDE, type Group, type Scene } from "../stage.ts";

const PER_SECOND = 200;
const WINDOW_S = 20;

const LONE_EVERY_S = 3; // a worker rests after one second without work
const LONE_S = 30;

const SETUPS = [
  { name: "one process, HTTP", roles: ["serve"], door: "http", p50: 4, p99: 15 },
  { name: "api and worker apart, HTTP", roles: ["api", "worker"], door: "http", p50: 20, p99: 60 },
  { name: "a worker, SQL", roles: ["worker"], door: "sql", p50: 20, p99: 60 },
] as const;

const BESIDE = ["", ", 10,000 webhooks with future retries"];

export const latency: Group = {
  title: "Publish to receiver",
  about:
    `${PER_SECOND} events of 1 KB a second to 100 webhooks, each published at its time whatever the service does ` +
    "(open loop). Latency runs from the intended time of publish to the receiver, on the machine's one monotonic clock. A " +
    `lone event is one every ${LONE_EVERY_S} s, ${LONE_S / LONE_EVERY_S} of them, with nothing between.`,
  rounds: 1,
  async run(scene) {
    for (const setup of SETUPS) {
      await clear(scene);
      await measureLone(scene, setup);
    }
    for (const beside of BESIDE) {
      for (const setup of SETUPS) {
        await clear(scene);
        if (beside !== "") await addFutureRetries(scene);
        await measure(scene, setup, setup.name + beside);
      }
    }
  },
  charts: (figures) => ({
    "latency.svg": groupedBars(
      `Publish to receiver at ${PER_SECOND} a second, ms`,
      SETUPS.map(({ name }) => name),
      BESIDE.flatMap((beside) =>
        ["p50", "p99"].map((share) => ({
          name: share + beside,
          values: SETUPS.map(({ name }) => figures.median(`${name}${beside}: ${share}`)),
        })),
      ),
    ),
  }),
};

async function measure(scene: Scene, setup: (typeof SETUPS)[number], name: string): Promise<void> {
  const { p50, p99 } = setup;
  const { services, load } = await startSetup(scene, setup);
  await warmUp(scene, load);
  const arrived = await publishSteadily(scene, load);
  scene.note(`${name}: p50`, arrived.p50, "ms", { atMost: p50 });
  scene.note(`${name}: p99`, arrived.p99, "ms", { atMost: p99 });
  scene.note(`${name}: max`, arrived.max, "ms");
  for (const service of services) await service.stop();
}

async function measureLone(scene: Scene, setup: (typeof SETUPS)[number]): Promise<void> {
  const { services, load } = await startSetup(scene, setup);
  await warmUp(scene, load);
  const arrived = await publishSteadily(scene, {
    ...load,
    perSecond: 1 / LONE_EVERY_S,
    seconds: LONE_S,
  });
  scene.note(`a lone event, ${setup.name}: p50`, arrived.p50, "ms", { atMost: 8 });
  scene.note(`a lone event, ${setup.name}: max`, arrived.max, "ms", { atMost: 25 });
  for (const service of services) await service.stop();
}

async function startSetup(scene: Scene, { roles, door }: (typeof SETUPS)[number]) {
  const services = [];
  for (const role of roles) services.push(await startService(role, scene.env));
  const url = door === "sql" ? scene.database.url : (services[0]?.url ?? "");
  return { services, load: { door, url, ...BENCH, perSecond: PER_SECOND, seconds: WINDOW_S } };
}

async function addFutureRetries({ database }: Scene): Promise<void> {
  await database.sql.query(
    `insert into posthorn.deliveries
       (state, attempts_made, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
     select 1, 1, 100, gen_random_uuid(), gen_random_uuid(), webhook_id, now() + interval '1 day', now(), tenant, 'publish'
     from posthorn.webhooks where tenant = $1`,
    [WIDE.tenant],
  );
}
