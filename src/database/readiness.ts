// Whether a process can do its work: each of its parts is asked over its own connections.
import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { newestVersion } from "./migrate.ts";
import { schemaState, whyOutgrown } from "./schema-state.ts";

/** A pool of a process. One that is `patient` may be busy for seconds with what is asked for: that is no failure. */
export type Part = { name: string; pool: pg.Pool; max: number; isPatient: boolean };

/** What keeps a part from its work. */
export type Fault = { part: string; reason: string; cause?: unknown };

const UNREACHABLE = "the database can't be reached";
const ANSWER_WITHIN_MS = 2 * SECOND; // a probe's patience: a database that is silent for longer is not ready

/**
 * Creates the look at all parts, and whether the schema has been migrated past what this program works with. However many look at once,
 * each part is asked once. A part whose connections are all at work is connected; who asks does not wait behind that work.
 */
export function createReadiness(parts: readonly Part[]): () => Promise<Fault | null> {
  const newest = newestVersion();
  let looking: Promise<Fault | null> | undefined;
  const look = async () => {
    const faults = await Promise.all(parts.map(faultOf));
    const [first] = parts;
    return faults.find((fault) => fault !== null) ?? (first ? outgrown(first, newest) : null);
  };
  return () =>
    (looking ??= look().finally(() => {
      looking = undefined;
    }));
}

/** The same look, which tells of no fault before it has been seen for so long. */
export function lasting(
  ms: number,
  monotonic: MonotonicClock,
  look: () => Promise<Fault | null>,
): () => Promise<Fault | null> {
  let since: number | undefined;
  return async () => {
    const fault = await look();
    since = fault ? (since ?? monotonic()) : undefined;
    return since !== undefined && monotonic() - since >= ms ? fault : null;
  };
}

async function faultOf({ name, pool, max, isPatient }: Part): Promise<Fault | null> {
  const isBusy = pool.totalCount >= max && pool.idleCount === 0;
  if (isPatient && isBusy) return null;
  try {
    if (await within(ANSWER_WITHIN_MS, isReadOnly(pool)))
      return { part: name, reason: "the database takes no writes now: it is read-only" };
    return null;
  } catch (cause) {
    return { part: name, reason: UNREACHABLE, cause };
  }
}

async function outgrown({ name, pool }: Part, newest: number): Promise<Fault | null> {
  try {
    const reason = whyOutgrown(await within(ANSWER_WITHIN_MS, schemaState(pool)), newest);
    return reason === null ? null : { part: name, reason };
  } catch (cause) {
    return { part: name, reason: UNREACHABLE, cause };
  }
}

// One that leads to a server without writes is given up: the next may lead to the one that takes them now.
async function isReadOnly(pool: pg.Pool): Promise<boolean> {
  const client = await pool.connect();
  let isGood = false;
  try {
    const question = { text: QUESTION, query_timeout: ANSWER_WITHIN_MS };
    const { rows } = await client.query<{ is_read_only: boolean }>(question);
    isGood = rows[0]?.is_read_only === false;
    return !isGood;
  } finally {
    client.release(!isGood);
  }
}

const QUESTION = "select current_setting('transaction_read_only')::boolean as is_read_only";

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / SECOND} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
