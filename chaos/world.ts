// The world of one row of the table: databases behind proxies, a receiver, services, publishers, and what was seen.
import { randomBytes } from "node:crypto";

import type pg from "pg";

import { monotonic, sleep } from "../src/kernel/clock.ts";
import { HOUR, MINUTE } from "../src/kernel/duration.ts";
import { createCell, type Cell } from "./cell.ts";
import { now } from "./clock.ts";
import { embeddedDatabase, ownDatabase, proxied } from "./database.ts";
import { startInbox, type Inbox } from "./inbox.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { startLoad, type Load, type Publishing } from "./load.ts";
import { ORDERS } from "./publish-sql.ts";
import { runCommand, startService, type Command, type Role, type Service } from "./service.ts";
import { subscribe } from "./subscribe.ts";

export type Setup = {
  /** What runs from the start; the first one has to have the API. */
  roles: Role[];
  /** Settings of all of them. */
  env?: Record<string, string>;
  /** By how many hours the clock of each is wrong. */
  clocksOffH?: number[];
  /** Whether a second database is the cell us, with a tenant of its own. */
  hasCells?: boolean;
  /** Whether the service brings its own database. */
  embedded?: boolean;
  dataDir?: string;
  settings?: Record<string, string | number>;
  retryScheduleS?: number[];
  webhooks?: number;
  /** Of all of them; none unless given. */
  order?: "channel" | "webhook" | undefined;
  /** How long the receiver takes, so that requests are in flight when something is killed. */
  answerMs?: number;
};

/** A delivery that a worker has claimed, by its lease; each event of the harness has one delivery. */
export type Lease = { id: string; fence: number; event: string };

/** One fault: what was in flight when it struck, and when it was over; null while it lasts. */
export type Strike = { at: number; healedAt: number | null; leases: readonly Lease[] };

/** Of its databases the first is the home; alone it is meant where none is named. */
export type World = Omit<Cell, "name" | "tenant" | "close"> & {
  cells: readonly Cell[];
  /** Asks all of them, one after the other, and answers the rows of all. */
  everywhere<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  inbox: Inbox;
  ledger: Ledger;
  services: Service[];
  /** How many webhooks each tenant has, each with a channel of its own: 0, 1, 2, … */
  channels: number;
  /** Whether they have an order, which the row is judged by. */
  isOrdered: boolean;
  start(role: Role, env?: Record<string, string>): Promise<Service>;
  /** Runs a command with the settings of the services. */
  run(...args: string[]): Command;
  /** So many publishers for each tenant. */
  load(options?: Parameters<typeof startLoad>[1]): Load;
  /** What a publisher of its own needs, for the home's tenant. */
  publishing: Publishing;
  /** The leases that run, in all databases or some, but for those that a fault has struck. */
  leases(of?: readonly Cell[]): Promise<Lease[]>;
  /** Notes that a fault strikes, and what is in flight at it: each of it may be repeated once. */
  struck(leases: readonly Lease[]): void;
  /** Notes that a fault is over; one of which nobody said that it struck had nothing in flight. */
  healed(): void;
  /** The faults, the oldest first. */
  strikes: readonly Strike[];
  /** What the row has seen go wrong, in words. */
  wrong: string[];
  /** What the services have logged above info, the last lines of each. */
  complaints(): string[];
  end(): Promise<void>;
};

const KEY = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const ADMIN_KEY = `chaos_${randomBytes(16).toString("hex")}`;
const RETRY_SCHEDULE_S = [2, 5, 10, 10, 10, 10, 10, 10, 10, 10]; // a failed attempt must not look like a lost event
const WEBHOOKS = 10;
const CELLS = [
  { name: "home", tenant: "default" },
  { name: "us", tenant: "far" },
];
const ANSWER_MS = 20;

const worlds = new Set<() => Promise<void>>();

/** Ends what still runs, for a harness that is told to stop. */
export async function endWorlds(): Promise<void> {
  await Promise.all([...worlds].map((end) => end()));
}

export async function createWorld(setup: Setup): Promise<World> {
  const { webhooks = WEBHOOKS, answerMs = ANSWER_MS, retryScheduleS = RETRY_SCHEDULE_S } = setup;
  const undo: (() => Promise<unknown>)[] = [];
  const end = async () => {
    worlds.delete(end);
    for (const step of undo.splice(0).reverse()) await step();
  };
  worlds.add(end);
  try {
    const cells: Cell[] = [];
    for (const { name, tenant } of setup.hasCells ? CELLS : CELLS.slice(0, 1)) {
      const database = await (setup.embedded ? embeddedDatabase() : ownDatabase(setup));
      undo.push(() => database.remove());
      const cell = await createCell(name, tenant, database);
      undo.push(() => cell.close());
      cells.push(cell);
    }
    const inbox = await startInbox(KEY, answerMs);
    undo.push(() => inbox.stop());
    const world = createParts(cells, inbox, setup.env ?? {}, webhooks);
    undo.push(() => stopAll(world.services));
    for (const [index, role] of setup.roles.entries())
      await world.start(role, clockOff(setup.clocksOffH?.[index] ?? 0));
    await world.database.look();
    await world.sql(ORDERS);
    const { order } = setup;
    for (const { name, tenant } of cells) {
      if (name !== CELLS[0]?.name) await world.everywhere(PLACED, [tenant, name]);
      await subscribe(inbox, {
        apiUrl: world.services[0]?.url ?? "",
        adminKey: ADMIN_KEY,
        tenant,
        signatureKey: KEY,
        count: webhooks,
        retryScheduleS,
        order,
      });
    }
    return Object.assign(world, { isOrdered: order !== undefined, end });
  } catch (error) {
    await end();
    throw error;
  }
}

const PLACED = "insert into posthorn.placements (tenant, cell) values ($1, $2)";

function createParts(
  cells: readonly Cell[],
  inbox: Inbox,
  settings: Record<string, string>,
  channels: number,
) {
  const [home, ...others] = cells;
  if (!home) throw new Error("a world without a database");
  const ledger = createLedger();
  const services: Service[] = [];
  const started: Service[] = [];
  const strikes: Strike[] = [];
  const struckLeases = new Set<string>();

  async function everywhere<T extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
    const rows: T[] = [];
    for (const { sql } of cells) rows.push(...(await sql<T>(text, values)));
    return rows;
  }

  const publishing = {
    ledger,
    apiUrl: () => services.findLast(({ role }) => role !== "worker")?.url ?? "http://127.0.0.1:1",
    adminKey: ADMIN_KEY,
    databaseUrl: () => proxied(home.proxy.port),
    tenant: home.tenant,
    channels,
  };

  const env = () => ({
    POSTHORN_ADMIN_KEY: ADMIN_KEY,
    POSTHORN_SECRETS_KEY: Buffer.alloc(32, 1).toString("base64"),
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
    ...home.database.env(home.proxy.port),
    ...(others.length > 0 && { POSTHORN_CELLS: others.map(cellSetting).join(",") }),
    ...settings,
  });

  const world = {
    cells,
    database: home.database,
    proxy: home.proxy,
    sql: home.sql,
    directUrl: home.directUrl,
    everywhere,
    inbox,
    ledger,
    services,
    channels,
    run: (...args: string[]) => runCommand(args, env()),
    async start(role: Role, more: Record<string, string> = {}) {
      const service = await startService(role, { ...env(), ...more });
      services.push(service);
      started.push(service);
      void service.exited.then(() => void services.splice(services.indexOf(service), 1));
      return service;
    },
    publishing,
    load(options: Parameters<typeof startLoad>[1] = {}) {
      const loads = cells.map(({ tenant }) => startLoad({ ...publishing, tenant }, options));
      return {
        async stop() {
          await Promise.all(loads.map((load) => load.stop()));
        },
      };
    },
    async leases(of: readonly Cell[] = cells) {
      const all: Lease[] = [];
      for (const { sql } of of) all.push(...(await sql<Lease>(LEASES)));
      return all.filter((lease) => !struckLeases.has(nameOf(lease)));
    },
    strikes,
    struck(leases: readonly Lease[]) {
      strikes.push({ at: now(), healedAt: null, leases });
      for (const lease of leases) struckLeases.add(nameOf(lease));
    },
    healed() {
      const [at, last] = [now(), strikes.at(-1)];
      if (last?.healedAt === null) last.healedAt = at;
      else strikes.push({ at, healedAt: at, leases: [] });
    },
    wrong: [] as string[],
    complaints: () =>
      started.flatMap(({ role, complaints }) =>
        complaints.map((line) => `${role} logged: ${line}`),
      ),
  };
  return world;
}

function clockOff(hours: number): Record<string, string> {
  if (hours === 0) return {};
  return {
    NODE_OPTIONS: `--import=${new URL("clock-off.mjs", import.meta.url).href}`,
    CHAOS_CLOCK_OFF_MS: String(hours * HOUR),
  };
}

const LEASES = `
  select id, fence::integer, posthorn.public_id('evt', event_id) as event
  from posthorn.deliveries where bucket = 0 and locked_until > now()`;

const nameOf = ({ id, fence }: Lease) => `${id} ${fence}`;

const cellSetting = ({ name, proxy }: Cell) => `${name}=${proxied(proxy.port)}`;

async function stopAll(services: readonly Service[]): Promise<void> {
  await Promise.all(
    services.map((service) => {
      service.kill("SIGKILL");
      return service.exited;
    }),
  );
}

/** Waits until `holds` does, for at most `withinMs`; answers whether it does. */
export async function waitFor(
  holds: () => Promise<boolean> | boolean,
  withinMs: number = MINUTE,
): Promise<boolean> {
  const until = monotonic() + withinMs;
  while (!(await holds())) {
    if (monotonic() > until) return false;
    await sleep(100);
  }
  return true;
}
