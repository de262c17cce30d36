// The world of one row of the table: a database behind the proxy, a receiver, services, publishers, and what was seen.
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";

import pg from "pg";

import { monotonic, sleep } from "../src/kernel/clock.ts";
import { HOUR, MINUTE } from "../src/kernel/duration.ts";
import { socketUrl } from "../src/database/embedded/session.ts";
import { now } from "./clock.ts";
import { embeddedDatabase, ownDatabase, proxied, type Database } from "./database.ts";
import { startInbox, type Inbox } from "./inbox.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { startLoad, type Load, type Publishing } from "./load.ts";
import { startProxy, type FaultProxy } from "./proxy.ts";
import { ORDERS } from "./publish-sql.ts";
import { startService, type Role, type Service } from "./service.ts";

export type Setup = {
  /** What runs from the start; the first one has to have the API. */
  roles: Role[];
  /** Settings of all of them. */
  env?: Record<string, string>;
  /** By how many hours the clock of each is wrong. */
  clocksOffH?: number[];
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

export type World = {
  database: Database;
  proxy: FaultProxy;
  inbox: Inbox;
  ledger: Ledger;
  services: Service[];
  /** A connection of the harness itself, past the proxy; a new one after the server was away. */
  sql<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
  /** The same address, for connections that are to be held. */
  directUrl(): string;
  /** How many webhooks there are, each with a channel of its own: 0, 1, 2, … */
  channels: number;
  /** Whether they have an order, which the row is judged by. */
  isOrdered: boolean;
  start(role: Role, env?: Record<string, string>): Promise<Service>;
  load(options?: Parameters<typeof startLoad>[1]): Load;
  /** What a publisher of its own needs. */
  publishing: Publishing;
  /** The leases that run, but for those that a fault has struck. */
  leases(): Promise<Lease[]>;
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
    const database = await (setup.embedded ? embeddedDatabase() : ownDatabase(setup));
    undo.push(() => database.remove());
    const proxy = await startProxy(database.socketFile);
    undo.push(() => proxy.close());
    const inbox = await startInbox(KEY, answerMs);
    undo.push(() => inbox.stop());
    const world = createParts(database, proxy, inbox, setup.env ?? {}, webhooks);
    undo.push(() => world.closeSql());
    undo.push(() => stopAll(world.services));
    for (const [index, role] of setup.roles.entries())
      await world.start(role, clockOff(setup.clocksOffH?.[index] ?? 0));
    await database.look();
    await world.sql(ORDERS);
    const { order } = setup;
    await subscribe(world.services[0]?.url ?? "", inbox.url, webhooks, { retryScheduleS, order });
    return Object.assign(world, { isOrdered: order !== undefined, end });
  } catch (error) {
    await end();
    throw error;
  }
}

function createParts(
  database: Database,
  proxy: FaultProxy,
  inbox: Inbox,
  settings: Record<string, string>,
  channels: number,
) {
  const ledger = createLedger();
  const services: Service[] = [];
  const started: Service[] = [];
  const strikes: Strike[] = [];
  const struckLeases = new Set<string>();
  let direct: Promise<pg.Client> | undefined;

  const directUrl = () => socketUrl(dirname(database.socketFile()));

  async function connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: directUrl() });
    client.on("error", () => (direct = undefined));
    await client.connect();
    return client;
  }
  async function sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []) {
    direct ??= connect();
    try {
      return (await (await direct).query<T>(text, values)).rows;
    } catch (error) {
      direct = undefined;
      throw error;
    }
  }

  const publishing = {
    ledger,
    apiUrl: () => services.findLast(({ role }) => role !== "worker")?.url ?? "http://127.0.0.1:1",
    adminKey: ADMIN_KEY,
    databaseUrl: () => proxied(proxy.port),
    channels,
  };

  const world = {
    database,
    proxy,
    inbox,
    ledger,
    services,
    sql,
    directUrl,
    channels,
    closeSql: async () => {
      await direct?.then((client) => client.end()).catch(() => undefined); // the server may be gone
    },
    async start(role: Role, env: Record<string, string> = {}) {
      const service = await startService(role, {
        POSTHORN_ADMIN_KEY: ADMIN_KEY,
        POSTHORN_SECRETS_KEY: Buffer.alloc(32, 1).toString("base64"),
        POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
        ...database.env(proxy.port),
        ...settings,
        ...env,
      });
      services.push(service);
      started.push(service);
      void service.exited.then(() => void services.splice(services.indexOf(service), 1));
      return service;
    },
    publishing,
    load: (options: Parameters<typeof startLoad>[1] = {}) => startLoad(publishing, options),
    leases: async () =>
      (
        await sql<Lease>(
          `select id, fence::integer, posthorn.public_id('evt', event_id) as event
           from posthorn.deliveries where bucket = 0 and locked_until > now()`,
        )
      ).filter((lease) => !struckLeases.has(nameOf(lease))),
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

const nameOf = ({ id, fence }: Lease) => `${id} ${fence}`;

async function subscribe(
  apiUrl: string,
  url: string,
  count: number,
  { retryScheduleS, order }: Pick<Setup, "retryScheduleS" | "order">,
): Promise<void> {
  for (let n = 0; n < count; n++) {
    const answer = await fetch(`${apiUrl}/webhooks.subscribe`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
      body: JSON.stringify({
        url: `${url}${n}`,
        preset: "standard",
        signature_key: KEY,
        channels: [String(n)],
        retry_schedule_s: retryScheduleS,
        order,
        timeout_ms: 30_000, // on a crowded machine the receiver is slow, too, and a timeout would look like our repeat
      }),
    });
    if (!answer.ok) throw new Error(`webhooks.subscribe: ${await answer.text()}`);
  }
}

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
