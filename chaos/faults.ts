// The faults, each on a world under load. What is in flight is counted where it can be counted exactly: after the kill,
// and before the next worker claims.
import { rm } from "node:fs/promises";
import { join } from "node:path";

import pg from "pg";

import { monotonic, sleep } from "../src/kernel/clock.ts";
import { MINUTE, SECOND } from "../src/kernel/duration.ts";
import { fill } from "./ballast.ts";
import { publishSteadily } from "./publish-http.ts";
import { publishMany } from "./publish-many.ts";
import type { Role, Service } from "./service.ts";
import { waitFor, type Lease, type World } from "./world.ts";

/** Something that is done to a world under load, until it is healed. */
export type Fault = (world: World) => Promise<void>;

export const BETWEEN_MS = 3 * SECOND; // under load, so that the next fault finds requests in flight
const SETTLED_MS = 1.5 * SECOND; // a living worker has settled by then what it had in flight
const SETTLED_MS_MAX = 4.5 * SECOND; // or on a crowded machine; after 5 s another takes up what a dead one has left
export const AWAY_MS = 1 * SECOND;

/** kill -9 of the only process of its role, and another started at once. */
export const killAll =
  (role: Role, times: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS);
      const victim = one(world, role);
      victim.kill("SIGKILL");
      await victim.exited;
      await waitFor(() => hasLeft(world)); // what it had asked for is still being done, leases among it
      world.struck(await world.leases());
      await world.start(role);
      world.healed();
    }
  };

/** kill -9 of one worker of several, and another started. */
export const killOneWorker =
  (times: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS);
      const victim = one(world, "worker");
      victim.kill("SIGKILL");
      await victim.exited;
      world.struck(await leftBehind(world));
      await world.start("worker");
      world.healed();
    }
  };

/** SIGTERM, with the successor started first, as a deployment does: nothing may be left behind. */
export const terminate =
  (role: Role, times: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS);
      const victim = one(world, role);
      await world.start(role);
      victim.kill("SIGTERM");
      const code = await victim.exited;
      if (code !== 0) world.wrong.push(`SIGTERM ended a ${role} with ${code}`);
      const before = await world.leases();
      let left = before.length;
      await waitFor(
        async () => (left = (await stillHeld(world, before)).length) === 0,
        SETTLED_MS_MAX,
      );
      if (left > 0) world.wrong.push(`a ${role} that was told to stop left ${left} leases behind`);
      world.healed();
    }
  };

/** The database crashes, and comes back after a second. */
export const crashDatabase =
  (times: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS);
      await felt(world, async () => {
        world.struck(await world.leases());
        await world.database.server?.stop("immediate");
        await sleep(AWAY_MS);
      });
      await world.database.server?.start();
      world.healed();
    }
  };

/** The database crashes and is away for a while, under publishers that do not wait for each other and never try again. */
export const stopUnderSteadyLoad =
  (awayMs: number, { count, everyMs, refusedMax }: SteadyLoad): Fault =>
  async (world) => {
    const publishing = publishSteadily(world.publishing, { count, everyMs });
    await sleep(BETWEEN_MS);
    world.struck(await world.leases());
    await world.database.server?.stop("immediate");
    await sleep(awayMs);
    await world.database.server?.start();
    world.healed();
    const refused = await publishing;
    if (refused > refusedMax)
      world.wrong.push(`${refused} of ${count} publishes were refused, ${refusedMax} may be`);
  };

type SteadyLoad = { count: number; everyMs: number; refusedMax: number };

/** Every byte to and from the database is held back for a while. */
export const pauseDatabase =
  (ms: number): Fault =>
  async (world) => {
    world.proxy.pause();
    world.struck(await world.leases());
    await sleep(ms);
    world.proxy.resume();
    world.healed();
  };

/** Each piece to and from the database takes so much longer. */
export const slowDatabase =
  (ms: number, delayMs: number): Fault =>
  async (world) => {
    world.struck(await world.leases());
    world.proxy.delay(delayMs);
    await sleep(ms);
    world.proxy.delay(0);
    world.healed();
  };

/** All connections to the database are closed. */
export const cutConnections =
  (times: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await sleep(BETWEEN_MS / 2);
      await felt(world, async () => {
        world.proxy.cut();
        world.struck(await world.leases());
        world.healed();
        await sleep(AWAY_MS / 2);
      });
    }
  };

/** All connections to the database stay open and say nothing any more; new ones work. */
export const silenceConnections =
  (times: number, forMs: number): Fault =>
  async (world) => {
    for (let n = 0; n < times; n++) {
      await felt(world, async () => {
        world.proxy.goSilent();
        world.struck(await world.leases());
        world.healed();
        await sleep(forMs);
      });
    }
  };

/** A stranger takes every connection that the server has, for a while, and then lets go of them all. */
export const exhaustConnections =
  (ms: number): Fault =>
  async (world) => {
    const strangers: pg.Client[] = [];
    const takeAll = async () => {
      for (;;) {
        const stranger = new pg.Client({ connectionString: world.directUrl() });
        stranger.on("error", () => {});
        try {
          await stranger.connect();
        } catch {
          return; // no more are left
        }
        strangers.push(stranger);
      }
    };
    await felt(world, async () => {
      await takeAll();
      world.struck(await world.leases());
      world.proxy.cut(); // or the service would keep what it has
      for (const until = monotonic() + ms; monotonic() < until; await sleep(50)) await takeAll();
    });
    await Promise.all(strangers.map((stranger) => stranger.end()));
    world.healed();
  };

/** The database's disk is full for a while; a server that ends of it is started again, as a supervisor would. */
export const fillDisk =
  (dataDir: string, ms: number): Fault =>
  async (world) => {
    const ballast = join(dataDir, "ballast");
    await felt(world, async () => {
      world.struck(await world.leases());
      for (const until = monotonic() + ms; monotonic() < until; await sleep(AWAY_MS))
        await fill(ballast);
    });
    await rm(ballast);
    if (!world.database.server?.isRunning()) await world.database.server?.start();
    world.healed();
  };

/** Transactions that publish and commit seconds later, in another order. */
export const commitLate =
  (ms: number, publishers: number): Fault =>
  async (world) => {
    const late = world.load({
      http: 0,
      sql: publishers,
      holdMs: () => (1 + 7 * Math.random()) * SECOND,
    });
    await sleep(ms);
    await late.stop();
  };

/** Each fifth event is refused at its first attempt, so that there are waits to be kept. */
export const failFirstAttempts =
  (ms: number, of = 5): Fault =>
  async (world) => {
    await world.inbox.tell("fail_first_of", of);
    await sleep(ms);
  };

/** The receiver refuses connections for a while, with so many deliveries due. */
export const closeReceiver =
  (ms: number, due: number): Fault =>
  async (world) => {
    await world.inbox.tell("down");
    world.struck(await world.leases());
    await publishMany(world, due);
    await sleep(ms);
    await world.inbox.up();
    world.healed();
  };

/** No fault at all: so many deliveries, over several workers. */
export const deliverAll =
  (count: number, workers: number): Fault =>
  async (world) => {
    await publishMany(world, count);
    await Promise.all(Array.from({ length: workers }, () => world.start("worker")));
    const isThere = async () => (await world.inbox.tell("count")).unique >= count;
    if (!(await waitFor(isThere, 15 * MINUTE))) world.wrong.push("not all arrived in 15 minutes");
  };

/** The first of its role. */
export function one(world: World, role: Role): Service {
  const service = world.services.find((each) => each.role === role);
  if (!service) throw new Error(`no ${role} runs`);
  return service;
}

/** Whether no worker's session is left in any database: what a killed one had asked for is done, or never will be. */
export async function hasLeft(world: World): Promise<boolean> {
  const sessions = await world.everywhere(
    "select from pg_stat_activity where application_name = 'posthorn worker' limit 1",
  );
  return sessions.length === 0;
}

// Leases of a worker that is gone are those that nobody settles.
async function leftBehind(world: World): Promise<Lease[]> {
  const before = await world.leases();
  await sleep(SETTLED_MS);
  return stillHeld(world, before);
}

async function stillHeld(world: World, before: readonly Lease[]): Promise<Lease[]> {
  const fences = new Map(before.map(({ id, fence }) => [id, fence]));
  return (await world.leases()).filter(({ id, fence }) => fences.get(id) === fence);
}

// A fault that no publisher noticed has proved nothing.
async function felt(world: World, act: () => Promise<void>): Promise<void> {
  const { refused } = world.ledger;
  await act();
  if (world.ledger.refused === refused) world.wrong.push("a fault was not felt by any publisher");
}
