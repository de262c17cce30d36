// Two databases as two cells of one worker: what both deliver to what one does, what forwarding costs, what one's tenant feels of the
// other's end, and what a move takes.
import { setTimeout as sleep } from "node:timers/promises";

import { startPostgres } from "../../test/helpers/postgres.ts";
import { cellOf, envOf, withSql, type Cell } from "../cells/cell.ts";
import { costForwarding } from "../cells/forwarding.ts";
import { moveLarge } from "../cells/moving.ts";
import { barChart } from "../charts.ts";
import { startService } from "../children.ts";
import { publishSteadily, runPublisher, warmUp, type Arrived } from "../load.ts";
import { measureRate } from "../rate.ts";
import { payloadOf, publish, subscribe } from "../service.ts";
import type { Group, Scene } from "../stage.ts";

const DELIVERIES = 100_000;
const QUICK_DELIVERIES = 30_000; // a rate is taken from three seconds on
const PER_SECOND = 200; // of each cell
const WINDOW_S = 25;
const CRASH_AFTER_S = 2; // of a window: by then both are busy

export const cells: Group = {
  title: "Two cells",
  about:
    `${DELIVERIES.toLocaleString("en")} deliveries by one worker: all in one database, and half of them in each of two, which are PostgreSQLs ` +
    `of their own on the same machine. Then ${PER_SECOND} events a second by SQL in each cell, open loop, and one of the two crashes, while its ` +
    "publishers try on: first the other, then home. Times are the living one's, from when an event was meant to be published until it arrived. " +
    "Forwarding: events of 1 KB that match nothing, published by SQL at home for the other cell's tenant, from when they may be forwarded until all are stored there. " +
    "A move: a tenant with a history and 100 webhooks, published for by each door meanwhile; its longest publish is from when it was meant to be made until it was answered.",
  rounds: 1,
  async run(scene) {
    const servers = [
      await startPostgres({ durable: true }),
      await startPostgres({ durable: true }),
    ];
    try {
      const [home, us] = servers.map((server, n) => cellOf(["home", "us"][n] ?? "", server));
      if (!home || !us) throw new Error("no two cells");
      for (const { server, name, channels } of [home, us])
        await subscribe(
          server.url,
          name,
          channels.map((channel) => ({
            url: `${scene.receiver.url}/${channel}`,
            channels: [channel],
          })),
        );
      await compareRates(scene, home, us);
      await costForwarding(scene, home, us);
      await crashEach(scene, home, us);
      await moveLarge(scene, home, us);
    } finally {
      for (const server of servers) await server.remove();
    }
  },
  charts: (figures) => ({
    "cells.svg": barChart(
      "Deliveries a second of one worker",
      figures.all().filter(({ unit }) => unit === "/s"),
    ),
  }),
};

async function compareRates(scene: Scene, home: Cell, us: Cell): Promise<void> {
  const total = scene.isQuick ? QUICK_DELIVERIES : DELIVERIES;
  const one = await deliver(scene, envOf(home), [{ cell: home, count: total }]);
  await (await startService("api", envOf(home, us))).stop(); // which makes the databases cells of each other
  await place(home, us);
  const two = await deliver(scene, envOf(home, us), [
    { cell: home, count: total / 2 },
    { cell: us, count: total / 2 },
  ]);
  scene.note("one database", one.perSecond, "/s");
  scene.note("two cells, both together", two.perSecond, "/s");
  scene.note("two cells, sent twice", two.repeated, "", { atMost: 0 });
  scene.note("two cells to one database", two.perSecond / one.perSecond, "×", { atLeast: 0.9 });
}

type Load = { cell: Cell; count: number };

async function deliver(scene: Scene, env: NodeJS.ProcessEnv, loads: readonly Load[]) {
  const { receiver } = scene;
  await receiver.reset();
  for (const { cell, count } of loads)
    await publish(cell.server.url, cell.name, {
      count,
      channels: cell.channels,
      payload: payloadOf(1_024),
    });
  const worker = await startService("worker", env);
  const total = loads.reduce((sum, { count }) => sum + count, 0);
  const { perSecond } = await measureRate(scene, [worker.pid], { seconds: Infinity, total });
  await worker.stop();
  const { requests, unique } = await receiver.count();
  return { perSecond, repeated: requests - unique };
}

// As the home's first write of the other's tenant does; each cell has a copy.
async function place(home: Cell, us: Cell): Promise<void> {
  const text = "insert into posthorn.placements (tenant, cell) values ($1, $1)";
  for (const cell of [home, us]) await withSql(cell, (sql) => sql.query(text, [us.name]));
}

async function crashEach(scene: Scene, home: Cell, us: Cell): Promise<void> {
  const both = [home, us];
  const worker = await startService("worker", envOf(home, us));
  await Promise.all(both.map((cell) => warmUp(scene, loadOf(cell))));
  const before = await Promise.all(both.map((cell) => publishSteadily(scene, loadOf(cell))));
  for (const [living, dying] of [both, [us, home]] as [Cell, Cell][]) {
    const calm = before[both.indexOf(living)] as Arrived;
    const during = await crash(scene, living, dying);
    const name = `${living.name}'s tenant while ${dying.name} is away`;
    scene.note(`${name}: share`, during.share / calm.share, "×", { atLeast: 0.9 });
    scene.note(`${name}: p99 before`, calm.p99, "ms");
    scene.note(`${name}: p99 during`, during.p99, "ms");
    scene.note(`${name}: p99, during to before`, during.p99 / calm.p99, "×", { atMost: 1.2 });
  }
  await worker.stop();
}

async function crash(scene: Scene, living: Cell, dying: Cell): Promise<Arrived> {
  const { paths: _, perSecond, ...rest } = loadOf(dying);
  const seconds = scene.seconds(WINDOW_S);
  const [during] = await Promise.all([
    publishSteadily(scene, loadOf(living)),
    runPublisher({ ...rest, seconds, load: { perSecond }, mayBeRefused: true }),
    sleep(scene.seconds(CRASH_AFTER_S) * 1_000).then(() => dying.server.stop("immediate")),
  ]);
  await dying.server.start();
  await warmUp(scene, loadOf(dying)); // until it is worked with again
  return during;
}

const loadOf = ({ name, server, channels }: Cell) => ({
  door: "sql" as const,
  url: server.url,
  tenant: name,
  channels,
  paths: channels,
  perSecond: PER_SECOND,
  seconds: WINDOW_S,
});
