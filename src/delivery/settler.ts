// Writes down what became of attempts, many at once, and keeps it in memory until it can be written.
import type pg from "pg";

import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { isDatabaseAbsent, isOwnFault } from "../kernel/faults.ts";
import { formatId } from "../kernel/ids.ts";
import type { Log } from "../kernel/log.ts";
import { storeOwnEvents } from "../queue/own-events.ts";
import { disableGone } from "../queue/health.ts";
import { isGone, settle, type Settlement } from "../queue/settle.ts";
import { inTransaction } from "../database/transaction.ts";
import { tellHealth } from "./tell-health.ts";

const BATCH_MAX = 250; // what it costs is rows; larger batches only wait longer
const DELAY_MS = 5; // for others to come, and no more: the row stays leased meanwhile
const RETRY_MS = 250; // after a write that failed

export type Settler = {
  add(settlement: Settlement): void;
  /** How many are not written yet; the loop stops claiming when there are many. */
  readonly pending: number;
  /**
   * From a write that failed until none is left to be written. What is claimed meanwhile may be what waits here under a
   * lease that has run out, and would be sent twice.
   */
  readonly isBehind: boolean;
  /** Resolves once all are written, or `signal` aborts; nothing is written later. */
  drain(signal: AbortSignal): Promise<void>;
};

/** Creates a settler; one statement at a time is under way. `settled` hears what is written, and what that took. */
export function createSettler(
  { pool, log, monotonic }: { pool: pg.Pool; log: Log; monotonic: MonotonicClock },
  settled: (settlements: readonly Settlement[], tookMs: number) => void,
): Settler {
  const waiting: Settlement[] = [];
  let flushing: Promise<number> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isBehind = false;
  let isReported = false;
  let isDraining = false;
  let batchMax = BATCH_MAX;

  function schedule(delayMs: number): void {
    if (isDraining || flushing || waiting.length === 0) return;
    clearTimeout(timer);
    timer = setTimeout(() => void start().then(schedule), delayMs);
  }

  function start(): Promise<number> {
    flushing ??= flush().finally(() => {
      flushing = undefined;
    });
    return flushing;
  }

  // Answers how long to wait before the next one.
  async function flush(): Promise<number> {
    const batch = waiting.slice(0, batchMax);
    try {
      await write(batch);
    } catch (err) {
      retreat(batch, err);
      return RETRY_MS;
    }
    batchMax = Math.min(batchMax * 2, BATCH_MAX);
    if (isBehind && waiting.length === 0) {
      isBehind = false;
      log[isReported ? "info" : "debug"]("all attempts are written down again");
      isReported = false;
    }
    return waiting.length >= batchMax ? 0 : DELAY_MS;
  }

  // Where only one of them can't be written now (a row that somebody has locked), the others need not wait for it: the next
  // batch is smaller, and the one that fails alone goes behind them.
  function retreat(batch: readonly Settlement[], err: unknown): void {
    const isNews = !isReported && !isDatabaseAbsent(err); // that it is away is said elsewhere, once
    isReported ||= isNews;
    log[isNews ? "warn" : "debug"](
      { err, waiting: waiting.length },
      "attempts can't be written down now; they are kept until they can, and nothing is claimed meanwhile",
    );
    isBehind = true;
    if (batch.length === 1) waiting.push(...waiting.splice(0, 1));
    batchMax = Math.ceil(batch.length / 2);
  }

  // A row that the database refuses for what is in it fails alone: the batch is halved until it is found. Throws where
  // anything else is in the way.
  async function write(batch: readonly Settlement[]): Promise<void> {
    const startedAt = monotonic();
    try {
      await settleAndTell(pool, log, batch, { recorded: true });
      return written(batch, startedAt);
    } catch (err) {
      if (!isOwnFault(err)) throw err;
      if (batch.length > 1) {
        const half = Math.ceil(batch.length / 2);
        await write(batch.slice(0, half));
        return write(batch.slice(half));
      }
      log.error(
        { err, delivery: batch[0]?.delivery.id },
        "an attempt could not be recorded; its outcome is kept",
      );
    }
    await settleAndTell(pool, log, batch, { recorded: false }).catch((err: unknown) => {
      if (!isOwnFault(err)) throw err;
      log.error(
        { err, delivery: batch[0]?.delivery.id },
        "an outcome could not be kept; the delivery will be sent again",
      );
    });
    written(batch, startedAt);
  }

  // Batches are written in the order in which they wait, so what is done is always at the front.
  function written(batch: readonly Settlement[], startedAt: number): void {
    waiting.splice(0, batch.length);
    settled(batch, monotonic() - startedAt);
  }

  return {
    add(settlement) {
      waiting.push(settlement);
      if (waiting.length === BATCH_MAX) schedule(0);
      else if (waiting.length === 1) schedule(DELAY_MS);
    },
    get pending() {
      return waiting.length;
    },
    get isBehind() {
      return isBehind;
    },
    async drain(signal) {
      isDraining = true;
      clearTimeout(timer);
      while (waiting.length > 0 && !signal.aborted) {
        const delayMs = await start();
        if (waiting.length > 0) await sleep(delayMs, signal);
      }
      if (waiting.length > 0)
        log.error(
          { count: waiting.length },
          "attempts could not be written down before the end; their deliveries will be sent again",
        );
    },
  };
}

// A death and the event that tells of it, a 410 and the disablement, are one transaction; a batch without stays one
// statement.
async function settleAndTell(
  pool: pg.Pool,
  log: Log,
  batch: readonly Settlement[],
  { recorded }: { recorded: boolean },
): Promise<void> {
  const gone = batch.filter(isGone).map(({ delivery }) => delivery);
  if (
    gone.length === 0 &&
    batch.every(({ verdict, isOwnEvent }) => verdict !== "dead" || isOwnEvent)
  ) {
    await settle(pool, batch, { recorded });
    return;
  }
  const own = new Set(
    batch.filter(({ isOwnEvent }) => isOwnEvent).map(({ delivery }) => delivery.id),
  );
  const disabledNow = await inTransaction(pool, async (client) => {
    const disabled = await disableGone(client, gone);
    const dead = await settle(client, batch, { recorded, disabled });
    const announced = dead.filter(({ id }) => !own.has(id));
    await storeOwnEvents(
      client,
      announced.map(({ tenant, id, event_id, webhook_id, reason }) => ({
        tenant,
        type: "delivery.dead",
        payload: {
          webhook_id,
          delivery_id: formatId("dlv", id),
          event_id: formatId("evt", event_id),
          reason,
        },
      })),
    );
    return disabled;
  });
  for (const { was, ...webhook } of disabledNow.values())
    if (was !== "disabled") tellHealth(log, webhook, { from: was, to: "disabled", reason: "gone" });
}
