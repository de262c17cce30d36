// The rows of the table: what runs, and what is done to it.
import { sleep } from "../src/kernel/clock.ts";
import { MINUTE, SECOND } from "../src/kernel/duration.ts";
import { mountDisk } from "./ballast.ts";
import { crashCell, dieForwarding } from "./cell-faults.ts";
import {
  closeReceiver,
  commitLate,
  crashDatabase,
  cutConnections,
  deliverAll,
  exhaustConnections,
  failFirstAttempts,
  fillDisk,
  killAll,
  killOneWorker,
  pauseDatabase,
  silenceConnections,
  slowDatabase,
  stopUnderSteadyLoad,
  terminate,
  type Fault,
} from "./faults.ts";
import { moveThereAndBack } from "./move-faults.ts";
import { judge, SEEN_DEAD_MS_MAX, type Verdict } from "./judgement.ts";
import { createWorld, waitFor, type Setup } from "./world.ts";

export type Row = {
  name: string;
  title: string;
  setup: Setup;
  /** What is done, one after the other, under load. */
  faults: Fault[];
  /** How many publishers, where the usual ones are too many. */
  load?: { http: number; sql: number };
  /** The services have no reason to complain, so that a warning in their logs is a failure. */
  isQuiet?: boolean;
  /** How soon after a fault all has to go on. */
  resumeMsMax?: number;
  /** Without publishers beside it, and without other rows at the same time. */
  isAlone?: boolean;
};

const SPLIT: Setup = { roles: ["api", "worker"] };
const BUSY: Setup = { ...SPLIT, answerMs: 100 }; // some fifteen requests in flight at any moment
const CELLS: Setup = { ...SPLIT, hasCells: true };
const LIGHT = { env: { POSTHORN_CONCURRENCY: "64" } }; // of each of four workers: they share the bench's machine
const SLOWNESS = "the database is too slow"; // the one warning that a crowded machine is the cause of
const WARM_ARRIVALS = 100;
const AFTER_MS = 3 * SECOND; // of load once all is healed
const DISK_MB = 256;

/** The rows; `scale` makes all counts and durations smaller, or larger. */
export function rowsAt(scale: number): Row[] {
  const times = (count: number) => Math.max(1, Math.round(count * scale));
  const lasting = (secondsLong: number) => secondsLong * scale * SECOND;
  return [
    {
      name: "none",
      isQuiet: true,
      title: "no fault: 100,000 over 4 workers",
      setup: { ...LIGHT, roles: ["api"], webhooks: 50, answerMs: 0 },
      faults: [deliverAll(times(100_000), 4)],
      isAlone: true,
    },
    {
      name: "kill-worker",
      isQuiet: true,
      title: "kill -9 of the worker × 20",
      setup: BUSY,
      faults: [killAll("worker", times(20))],
    },
    {
      name: "kill-serve",
      isQuiet: true,
      title: "kill -9 of all-in-one × 10",
      setup: { ...BUSY, roles: ["serve"], embedded: true },
      faults: [killAll("serve", times(10))],
    },
    {
      name: "kill-one",
      isQuiet: true,
      title: "two workers, one killed each 6 s × 20",
      resumeMsMax: SEEN_DEAD_MS_MAX,
      setup: { ...BUSY, roles: ["api", "worker", "worker"] },
      faults: [killOneWorker(times(20))],
    },
    {
      name: "sigterm",
      isQuiet: true,
      title: "SIGTERM under load, worker and api × 5",
      setup: BUSY,
      faults: [terminate("worker", times(5)), terminate("api", times(5))],
    },
    {
      name: "database-crash",
      title: "immediate database stop × 10",
      setup: SPLIT,
      faults: [crashDatabase(times(10))],
    },
    {
      name: "database-stopped",
      title:
        "database stopped 5 s under 200 publishes a second, none tried again (100 of 4,000 may be refused)",
      setup: SPLIT,
      load: { http: 0, sql: 0 },
      faults: [stopUnderSteadyLoad(5 * SECOND, { count: 4_000, everyMs: 5, refusedMax: 100 })],
    },
    {
      name: "database-pause",
      title: "database paused 30 s",
      setup: SPLIT,
      faults: [pauseDatabase(lasting(30))],
    },
    {
      name: "database-slow",
      title: "database half a second away for 20 s",
      setup: SPLIT,
      faults: [slowDatabase(lasting(20), 250)],
    },
    {
      name: "cut",
      title: "connections cut × 20",
      setup: SPLIT,
      faults: [cutConnections(times(20))],
    },
    {
      name: "half-open",
      title: "connections gone silent × 2",
      setup: SPLIT,
      // Further apart than a lease is long: what the first had in flight would else be due while the second lasts.
      faults: [silenceConnections(times(2), 60 * SECOND)],
    },
    {
      name: "pool",
      title: "connections exhausted 20 s",
      setup: {
        ...SPLIT,
        settings: { max_connections: 30, superuser_reserved_connections: 0 },
      },
      faults: [exhaustConnections(lasting(20))],
    },
    {
      name: "late",
      isQuiet: true,
      title: "late commits, 20 at a time",
      setup: SPLIT,
      faults: [commitLate(lasting(25), 20)],
    },
    {
      name: "clock",
      isQuiet: true,
      title: "clocks an hour off",
      setup: { roles: ["api", "worker", "worker"], clocksOffH: [1, 1, -1] },
      faults: [failFirstAttempts(lasting(20))],
    },
    {
      name: "order",
      isQuiet: true,
      title: "an order by channel: failing heads, late commits, SIGTERM × 2, kill -9",
      setup: { ...SPLIT, order: "channel" },
      load: { http: 1, sql: 1 }, // each waits for the one before, so what piles up behind a head takes as long again
      faults: [
        failFirstAttempts(lasting(5), 97),
        commitLate(lasting(8), 5),
        terminate("worker", times(2)),
        killAll("worker", 1), // last, so that not all of the load waits behind what a lease holds
      ],
    },
    {
      name: "receiver-down",
      title: "receiver down 60 s, 10,000 due",
      setup: SPLIT,
      faults: [closeReceiver(lasting(60), times(10_000))],
    },
    {
      name: "cell-crash",
      title: "a cell's database stopped × 10, home's tenant goes on",
      setup: CELLS,
      faults: [crashCell("us", times(10))],
    },
    {
      name: "home-crash",
      title: "home's database stopped × 10, the cell's tenant goes on",
      setup: CELLS,
      faults: [crashCell("home", times(10))],
    },
    {
      name: "move",
      title: "a tenant moved to another cell and back, kill -9 of who moves it × 10",
      setup: CELLS,
      faults: [moveThereAndBack(times(10))],
    },
    {
      name: "forwarding",
      title:
        "100,000 forwarded to a cell: kill -9 of the worker, of the cell's database and of home's, each before and after the cell's commit",
      resumeMsMax: 5 * MINUTE, // behind each stands a sixth of all
      setup: { ...CELLS, answerMs: 0, webhooks: 50 },
      load: { http: 1, sql: 1 },
      faults: [
        dieForwarding(
          times(100_000),
          ["worker", "us", "home"].flatMap((of) => [
            { of, at: "before" },
            { of, at: "after" },
          ]),
        ),
      ],
    },
    {
      name: "forwarding-order",
      title:
        "forwarded to webhooks with an order by channel: kill -9 of the worker and of the cell's database",
      resumeMsMax: 5 * MINUTE, // behind a lane's head, whose lease has to run out, stand those that a later fault strikes again
      setup: { ...CELLS, order: "channel" },
      load: { http: 0, sql: 1 }, // one door: what comes by HTTP is not behind what is still to be forwarded
      faults: [
        dieForwarding(times(2_000), [
          { of: "us", at: "before" },
          { of: "us", at: "after" },
          { of: "worker", at: "before" },
          { of: "worker", at: "after" },
        ]),
      ],
    },
  ];
}

/** The short form: one load, one fault after the other, one comparison; the lease runs out only once. */
export const SHORT: Row = {
  name: "short",
  title: "one of each, in one load",
  setup: BUSY,
  faults: [
    killAll("worker", 1),
    commitLate(6 * SECOND, 10),
    terminate("worker", 1), // before the cut: a claim whose answer is cut off leaves leases of its own behind
    cutConnections(1),
    crashDatabase(1),
  ],
};

/** The same of several cells: a load in each, and deaths in the midst of forwarding, after which either database is behind the other. */
export const SHORT_CELLS: Row = {
  name: "short-cells",
  title: "a worker, a cell and home, each dead in the midst of forwarding",
  setup: CELLS,
  load: { http: 2, sql: 2 },
  faults: [
    dieForwarding(900, [
      { of: "worker", at: "after" },
      { of: "us", at: "before" },
      { of: "home", at: "after" },
    ]),
  ],
};

/** The row with a full disk, on a disk of its own; undefined where this user can't mount one. */
export async function diskRow(
  scale: number,
): Promise<{ row: Row; unmount(): Promise<void> } | undefined> {
  const disk = await mountDisk(DISK_MB);
  if (!disk) return undefined;
  const row = {
    name: "disk",
    title: "disk full 20 s",
    setup: { ...SPLIT, dataDir: disk.folder },
    faults: [fillDisk(disk.folder, 20 * SECOND * scale)],
  };
  return { row, unmount: disk.unmount };
}

/** Runs a row in a world of its own. */
export async function runRow({
  setup,
  faults,
  load: publishers,
  isAlone = false,
  isQuiet = false,
}: Row): Promise<Verdict> {
  const world = await createWorld(setup);
  try {
    const load = isAlone ? undefined : world.load(publishers);
    const isWarm = async () => (await world.inbox.tell("count")).unique >= WARM_ARRIVALS;
    const isLoaded = publishers?.http !== 0; // else a fault brings its own publishers
    if (load && isLoaded && setup.roles.some((role) => role !== "api")) await waitFor(isWarm);
    for (const fault of faults) await fault(world);
    if (load) await sleep(AFTER_MS);
    await load?.stop();
    const verdict = await judge(world);
    if (!isQuiet) return verdict;
    const complaints = world.complaints().filter((line) => !line.includes(SLOWNESS));
    return { ...verdict, wrong: [...verdict.wrong, ...complaints] };
  } finally {
    await world.end();
  }
}
