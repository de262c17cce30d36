// The roll call: a worker shows that it lives and whether it rests, and sees which of the others don't live, so that what
// these had claimed is free before its lease has run out.
import type pg from "pg";

import { openClient } from "../database/client.ts";
import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import {
  enterRoll,
  isOldest,
  leaveRoll,
  listGone,
  markGone,
  setResting,
  strikeOut,
  type GoneSession,
  type Holder,
} from "../queue/roll.ts";

const LOOK_MS = 1 * SECOND;
const RETRY_MS = 0.5 * SECOND;
// A connection that was cut is another within a second or two; a worker that has none for so long is dead to all. Counted in
// the roll, so that one that is killed again and again finds what those before it had counted.
const DEAD_AFTER_MS = 5 * SECOND;
// What is claimed under its number may start for 0.9 s more. With the answer of a look no older than this, that is over long
// before anybody could take the worker for dead.
const KNOWN_FOR_MS = 2 * SECOND;
const STRUCK_OUT_AFTER_MS = 1 * MINUTE; // longer than any lease

export type RollCall = {
  /** Whose a claim is that is made now, and whose leases it may take. */
  holder(): Holder;
  /** Whether the others see the worker now, and notices reach it. */
  isSeen(): boolean;
  /** Says that the worker rests, so that it is notified of what is published; false where it can't be. */
  rest(): Promise<boolean>;
  /** Whether nobody who publishes can have missed that it rests. */
  isKnownToAll(): Promise<boolean>;
  /** Says that it rests no more. */
  stir(): void;
  /** Leaves the roll: nothing is held any more. */
  stop(): Promise<void>;
};

export type RollCallOptions = {
  url: string;
  /** The worker's own number, drawn. */
  worker: number;
  monotonic: MonotonicClock;
  /** Called when another worker was found to be dead. */
  died: () => void;
  /** Called when something was published while the worker rested. */
  notified: () => void;
  log: Log;
};

/** Enters the roll, and calls it until it is stopped. Without a database it waits for one. */
export function callRoll(options: RollCallOptions): RollCall {
  const { url, worker, monotonic, died, notified, log } = options;
  const stopping = new AbortController();
  let dead: readonly string[] = [];
  let answeredAt = -Infinity;
  let restsSince: string | undefined;
  let held: { client: pg.Client; lost: AbortSignal } | undefined;

  async function run(): Promise<void> {
    let isReported = false;
    while (!stopping.signal.aborted) {
      try {
        if (!(await enter())) return log.debug("behind a pooler leases alone decide");
        isReported = false;
        await watch();
      } catch (err) {
        const isNews: boolean = !isReported && !isDatabaseAbsent(err) && !stopping.signal.aborted;
        isReported ||= isNews;
        log[isNews ? "warn" : "debug"]({ err }, "other workers can't see that this one lives");
      }
      dead = []; // what was seen over one connection says nothing about what happens between it and the next
      await sleep(RETRY_MS, stopping.signal);
    }
  }

  // The connection before goes last: while the new one is made the others see it, if the server still has it.
  async function enter(): Promise<boolean> {
    const client = await openClient(url, "roll call");
    const lost = new AbortController();
    client.on("end", () => lost.abort());
    client.on("notification", notified);
    const isDirect = await enterRoll(client, worker).catch(async (error: unknown) => {
      await end(client);
      throw error;
    });
    const before = held;
    held = { client, lost: lost.signal };
    if (before) await end(before.client);
    if (isDirect) answeredAt = monotonic();
    return isDirect;
  }

  async function watch(): Promise<void> {
    if (!held) return;
    const { client, lost } = held;
    const ended = AbortSignal.any([lost, stopping.signal]);
    while (!ended.aborted) {
      const gone = await listGone(client, worker);
      answeredAt = monotonic();
      const since = (ms: number) => gone.filter(({ goneMs }) => goneMs !== null && goneMs >= ms);
      const before = dead.length;
      dead = since(DEAD_AFTER_MS)
        .filter(({ isOfThisServer }) => isOfThisServer)
        .map(sessionOf);
      if (dead.length > before) died();
      const unmarked = gone.filter(({ goneMs }) => goneMs === null).map(sessionOf);
      if (unmarked.length > 0) await markGone(client, unmarked);
      const past = since(STRUCK_OUT_AFTER_MS).map(sessionOf);
      if (past.length > 0) await strikeOut(client, past);
      await sleep(LOOK_MS, ended);
    }
  }

  const isSeen = () => monotonic() - answeredAt < KNOWN_FOR_MS;

  const running = run();
  return {
    holder: () => ({ worker: isSeen() ? worker : null, dead }),
    isSeen,
    async rest() {
      const saying = isSeen() && held ? setResting(held.client, worker, true) : undefined;
      restsSince = await saying?.catch(() => undefined);
      return restsSince !== undefined;
    },
    async isKnownToAll() {
      const asking = restsSince && held ? isOldest(held.client, restsSince) : undefined;
      return (await asking?.catch(() => false)) ?? false;
    },
    stir() {
      if (held) setResting(held.client, worker, false).catch(() => {}); // another session begins without
    },
    async stop() {
      stopping.abort();
      await running;
      if (!held) return;
      await leaveRoll(held.client, worker).catch(() => {}); // the others see that it is gone
      await end(held.client);
    },
  };
}

const sessionOf = ({ session }: GoneSession) => session;

async function end(client: pg.Client): Promise<void> {
  await client.end().catch(() => {});
}
