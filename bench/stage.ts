// What every figure is measured on: one database with a history, one receiver, and the webhooks of two tenants.
import { startDatabase, type Database } from "./database.ts";
import { fillHistory } from "./history.ts";
import { startReceiver, type Receiver } from "./receiver.ts";
import type { Figures } from "./report.ts";
import { settings, subscribe } from "./service.ts";

const HISTORY = 1_000_000;

/** The tenant of 100 webhooks, one channel each: the channel's name is the path at the receiver. */
export const BENCH = { tenant: "bench", channels: numbers(100) };

/** The tenant of 10,000 webhooks: each has a channel of its own, and the first 1, 10, … share one named `fan <count>`. */
export const WIDE = { tenant: "wide", channels: numbers(10_000), fans: [1, 10, 1_000, 10_000] };

export type Stage = {
  database: Database;
  receiver: Receiver;
  /** Of a service on the database with the history. */
  env: NodeJS.ProcessEnv;
  isQuick: boolean;
  /** A duration or a number, or a small one where the bench itself is being tried. */
  seconds(full: number): number;
  count(full: number): number;
};

/** What a group of figures is given: the stage, and where its figures go. */
export type Scene = Stage & Figures & { round: number };

export type Group = {
  title: string;
  /** What the table can't say by itself. */
  about: string;
  rounds: number;
  run(scene: Scene): Promise<void>;
  /** Pictures of the figures, by file name. */
  charts?(figures: Figures): Record<string, string>;
};

/** Starts and fills all of it, a million finished deliveries or `history`; ends what it started where that fails. */
export async function buildStage(
  isQuick: boolean,
  history = isQuick ? HISTORY / 20 : HISTORY,
): Promise<Stage> {
  const database = await startDatabase();
  const receiver = await startReceiver();
  const stage: Stage = {
    database,
    receiver,
    env: settings(database.url),
    isQuick,
    seconds: (full) => (isQuick ? Math.min(full, 3) : full),
    count: (full) => (isQuick ? Math.ceil(full / 20) : full),
  };
  try {
    await fill(stage, history);
    return stage;
  } catch (error) {
    await receiver.stop();
    await database.stop();
    throw error;
  }
}

async function fill({ database, receiver, isQuick }: Stage, history: number): Promise<void> {
  const urlOf = (channel: string) => `${receiver.url}/${channel}`;
  await subscribe(
    database.url,
    BENCH.tenant,
    BENCH.channels.map((channel) => ({ url: urlOf(channel), channels: [channel] })),
  );
  await subscribe(
    database.url,
    WIDE.tenant,
    WIDE.channels.slice(0, isQuick ? 1_000 : undefined).map((channel, n) => ({
      url: urlOf(channel),
      channels: [channel, ...WIDE.fans.filter((fan) => n < fan).map((fan) => `fan ${fan}`)],
    })),
  );
  await fillHistory(database.sql, history);
}

/** Forgets what is still to be sent, and what runs before have taught of webhooks: a run begins with the history alone. */
export async function clear({ database, receiver }: Stage): Promise<void> {
  await database.sql.query(
    "truncate posthorn.deliveries, posthorn.expansions, posthorn.replays, posthorn.idempotency_keys",
  );
  await database.sql.query(
    `update posthorn.webhook_states set proven = true, not_before = null, next_send_at = null
     where not proven or not_before is not null or next_send_at is not null`,
  );
  // As autovacuum does in time: a claim of the run before left dead rows, and an empty queue is known to be empty.
  await database.sql.query("vacuum posthorn.webhook_states, posthorn.deliveries");
  await receiver.behave({});
  await receiver.reset();
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, n) => String(n));
}
