// Brings messages into the service until it is told to stop: takes some, publishes them, and only then has them off the broker.
import { setTimeout as sleep } from "node:timers/promises";

import { MINUTE, SECOND } from "../kernel/duration.ts";
import { StartError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { printable } from "../kernel/printable.ts";
import { createArrivals, type Queue } from "./arrivals.ts";
import {
  MESSAGES_MAX,
  type Arrivals,
  type Connect,
  type Message,
  type Source,
  type SourceOptions,
} from "./broker.ts";
import { eventOf, type Event, type Mapping } from "./event.ts";
import { publishAll, type Publish } from "./publishing.ts";
import { withoutSecrets } from "./url.ts";

export type Ingest = {
  connect: Connect;
  options: SourceOptions;
  mapping: Mapping;
  publish: Publish;
  log: Log;
  signal: AbortSignal;
  monotonicMs: () => number;
  random: () => number;
  /** Within which a connection gives messages, or is given up; two minutes unless given. */
  readyMsMax?: number;
};

type Counts = { stored: number; duplicates: number; set_aside: number };

// Of one call: with what is written around the payloads it stays below the 1 MiB that proxies let through, and of which a service
// takes any number.
const BATCH = { count: MESSAGES_MAX, bytes: 512 * 1024 };
const WAIT_MS = { first: 250, max: 20 * SECOND }; // between tries
const READY_MS_MAX = 2 * MINUTE; // a group of Kafka waits for a dead member for one
const CLOSE_MS_MAX = 10 * SECOND;
const TOLD_EVERY_MS = 1 * MINUTE;

/**
 * Runs until the signal aborts: what was taken then is finished, unless the service is away. Throws a StartError where no waiting
 * helps.
 */
export async function ingest(parts: Ingest): Promise<void> {
  const { options, log, signal, monotonicMs } = parts;
  const { url, from, deadLetter } = options;
  const all: Counts = { stored: 0, duplicates: 0, set_aside: 0 };
  let toldAt = monotonicMs();
  let wasConnected = false;
  const isOver = () => signal.aborted; // it changes meanwhile
  for (let broken = 0; !signal.aborted;) {
    const arrivals = createArrivals();
    let source: Source | undefined;
    try {
      source = await opened(parts, arrivals);
      wasConnected = true;
      log.info({ from, dead_letter: deadLetter }, "ingesting");
      for (;;) {
        const batch = await arrivals.take(BATCH, signal);
        if (batch.length === 0) break;
        add(all, await bring(parts, batch, arrivals));
        await arrivals.unlessBroken(source.flush());
        broken = 0;
        if (monotonicMs() - toldAt < TOLD_EVERY_MS) continue;
        log.info(all, "ingested since the start");
        toldAt = monotonicMs();
      }
    } catch (error) {
      if (isOver()) break; // what could not be finished comes again
      // Beside an open source, it is the service that refuses; a setting is wrong from the start, or not at all.
      if (error instanceof StartError && (source || !wasConnected)) throw error;
      const reason = withoutSecrets(reasonOf(error as Error), url);
      if (!wasConnected)
        throw new StartError(`the broker can't be reached (POSTHORN_BROKER_URL): ${reason}`, {
          cause: error,
        });
      log.warn({ reason }, "the broker is away; connecting again");
    } finally {
      if (source) await closed(source);
    }
    broken += 1;
    await pause(parts, broken).catch(() => {});
  }
  log.info(all, "stopped");
}

// Whatever throws here leaves the messages where they are.
async function bring(parts: Ingest, batch: readonly Message[], arrivals: Queue): Promise<Counts> {
  const { log } = parts;
  const items: { message: Message; event: Event }[] = [];
  const refused = new Map<Message, string>();
  for (const message of batch) {
    const made = eventOf(message, parts.mapping);
    if ("event" in made) items.push({ message, event: made.event });
    else refused.set(message, made.reason);
  }
  const published = await publishAll(parts.publish, items, async (reason, times) => {
    log.warn({ reason, waiting: batch.length }, "the service is away; trying again");
    for (const message of batch) message.hold();
    await pause(parts, times);
  });
  for (const { item, reason } of published.refused) refused.set(item.message, reason);
  for (const message of batch) {
    const reason = refused.get(message);
    if (reason === undefined) continue;
    const { id, subject } = message;
    const named = {
      message_id: id === undefined ? null : printable(id),
      subject: printable(subject),
    };
    log.warn({ ...named, reason }, "set aside");
    await arrivals.unlessBroken(message.copyAside(reason));
  }
  for (const message of batch) message.done();
  const { stored, duplicates } = published;
  return { stored, duplicates, set_aside: refused.size };
}

function add(all: Counts, { stored, duplicates, set_aside }: Counts): void {
  all.stored += stored;
  all.duplicates += duplicates;
  all.set_aside += set_aside;
}

// A host with two addresses that both refuse is an error without a message.
function reasonOf(error: Error & { code?: string }): string {
  return error.message || error.code || error.name;
}

// A client may wait for ever for what a broker that has just gone was asked. What is ready too late is closed.
async function opened(
  { connect, options, readyMsMax = READY_MS_MAX }: Ingest,
  arrivals: Arrivals,
): Promise<Source> {
  const opening = connect(options, arrivals);
  try {
    return await within(opening, readyMsMax);
  } catch (error) {
    void opening.then(closed, () => {});
    throw error;
  }
}

// It may fail where its connection is broken already, too.
async function closed(source: Source): Promise<void> {
  await within(source.close(), CLOSE_MS_MAX).catch(() => {});
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  const enough = new AbortController();
  const late = sleep(ms, undefined, { signal: enough.signal }).then(() => {
    throw new Error(`no answer in ${ms / SECOND} s`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    enough.abort();
    late.catch(() => {});
  }
}

/** Rejects where it is to end meanwhile. */
function pause({ signal, random }: Ingest, times: number): Promise<void> {
  const ms = Math.min(WAIT_MS.max, WAIT_MS.first * 2 ** (times - 1));
  return sleep(ms * (0.5 + random() / 2), undefined, { signal });
}
