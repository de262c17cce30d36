// Feeds replays: a few hundred deliveries ahead of what has been sent, so that no queue and no transaction grows with them.
import type pg from "pg";
import { tryLock } from "../database/locks.ts";
import { readInPassing } from "../database/read.ts";

import { horizonAt, type ReplayStatus } from "./replays.ts";
import { cancelOutstanding, tallyUp } from "./replay-ends.ts";
import type { ReplaySearch } from "./replay-matches.ts";
import { queueMatches } from "./replay-queue.ts";
import { resendLock } from "./resend-lock.ts";
import { SWEEP_ROWS_MAX } from "../queue/move.ts";
import { inTransaction } from "../database/transaction.ts";

/**
 * Deliveries ready at once, of all replays of a webhook: at a quarter of a second a step, up to 1,000 a second. Live ones wait behind
 * what a step sets free: with 500 each half a second their p99 was a third higher.
 */
export const READY_MAX = 250;

// Those that wait for a retry make room, or a few hundred bad events would stop the rest for days; but so many end it.
const OUTSTANDING_MAX = 1_000;

// A step costs some milliseconds however little it queues, so it is not taken for a handful.
const ROOM_MIN = READY_MAX / 2;

const REPLAYS_PER_RUN = 50; // of those open; the next run goes on behind them

type OpenReplay = ReplaySearch & {
  now: Date;
  cause: "replay" | "retry";
  status: ReplayStatus;
  is_fed: boolean;
  counted_to: string | null;
  outstanding: string[];
  /** Outstanding of the webhook's other replays. */
  beside: number;
  /** Whether it is its turn, and its webhook sends. */
  may_feed: boolean;
  is_ended: boolean;
};

/**
 * Makes the task that feeds open replays, counts what has ended of them, and cancels what is left of cancelled ones. Any
 * number of workers may run it. Answers how many deliveries it queued, or SWEEP_ROWS_MAX where it should go on at once.
 */
export function createReplayFeed(pool: pg.Pool): () => Promise<number> {
  let after = "00000000-0000-0000-0000-000000000000";
  return async () => {
    const { rows } = await pool.query<{ tenant: string; id: string }>({
      name: "open replays",
      // Those that can do nothing while their webhook is held take no turn: fifty of them would be a whole run.
      text: `select r.tenant, r.id from posthorn.replays as r
        join posthorn.webhooks as w on w.webhook_id = r.webhook_id
        where r.bucket = 0 and r.finished_at is null and r.id > $1 and not (
          r.status = 'running' and r.outstanding = '{}' and (w.paused or w.health = 'disabled')
          and w.status = 'Subscribed' and w.deleted_at is null
        )
        order by r.id limit ${REPLAYS_PER_RUN}`,
      values: [after],
    });
    let queued = 0;
    let isHungry = false;
    for (const { tenant, id } of rows) {
      after = id; // also where this one fails: it must not keep the others from their turn
      const step = await stepReplay(pool, tenant, id);
      queued += step.queued;
      isHungry ||= step.isHungry;
    }
    if (rows.length < REPLAYS_PER_RUN) after = "00000000-0000-0000-0000-000000000000";
    return isHungry ? SWEEP_ROWS_MAX : Math.min(queued, SWEEP_ROWS_MAX - 1);
  };
}

/**
 * One step of one replay, in a transaction of its own: whatever ends the process, the next step goes on where the last one
 * committed. Does nothing where another worker is at it. `isHungry` says that there is room for more than its page held.
 */
export async function stepReplay(
  pool: pg.Pool,
  tenant: string,
  id: string,
): Promise<{ queued: number; isHungry: boolean }> {
  return inTransaction(pool, async (client) => {
    const replay = await lockReplay(client, tenant, id);
    if (!replay) return { queued: 0, isHungry: false };
    const status = replay.is_ended ? "cancelled" : replay.status;
    if (status === "cancelled") await cancelOutstanding(client, tenant, replay.outstanding);
    const tally = await tallyUp(readInPassing(client), tenant, replay.outstanding);
    const room = Math.min(
      READY_MAX - tally.ready,
      OUTSTANDING_MAX - tally.outstanding.length - replay.beside,
    );
    const mayFeed = status === "running" && !replay.is_fed && replay.may_feed && room >= ROOM_MIN;
    const page =
      mayFeed && (await lockSending(client, replay)) ? await queue(client, replay, room) : null;
    const isFed = replay.is_fed || page?.position === null;
    const outstanding = [...tally.outstanding, ...(page?.ids ?? [])];
    const isFinished = outstanding.length === 0 && (isFed || status === "cancelled");
    await client.query(
      `update posthorn.replays
       set status = $3, is_fed = $4, position = coalesce($5, position), outstanding = $6, queued = queued + $7,
         matched = matched + $8, delivered = delivered + $9, dead = dead + $10, cancelled = cancelled + $11,
         left_pending = left_pending + $12, left_sent_again = left_sent_again + $13,
         left_payload_gone = left_payload_gone + $14, finished_at = case when $15 then now() end
       where bucket = 0 and tenant = $1 and id = $2`,
      [
        tenant,
        id,
        isFinished && status === "running" ? "done" : status,
        isFed,
        page?.position ?? null,
        outstanding,
        page?.ids.length ?? 0,
        page?.uncounted ?? 0,
        tally.delivered,
        tally.dead,
        tally.cancelled,
        page?.leftOut.pending ?? 0,
        page?.leftOut.sent_again ?? 0,
        page?.leftOut.payload_gone ?? 0,
        isFinished,
      ],
    );
    const queued = page?.ids.length ?? 0;
    return { queued, isHungry: page !== null && !isFed && room - queued >= ROOM_MIN };
  });
}

// One of a webhook's replays feeds at a time, the oldest first: so their events don't mix, and what they have pending is
// bounded for all of them together. While the webhook is held it waits, or what it fed would be cancelled for its age.
async function lockReplay(
  client: pg.ClientBase,
  tenant: string,
  id: string,
): Promise<OpenReplay | undefined> {
  const { rows } = await client.query<OpenReplay>(
    `select r.*, now() as now,
       not w.paused and w.health <> 'disabled' and not exists (
         select from posthorn.replays as older
         where older.bucket = 0 and older.webhook_id = r.webhook_id and older.id < r.id and older.finished_at is null
           and older.status = 'running' and not older.is_fed
       ) as may_feed,
       w.status <> 'Subscribed' or w.deleted_at is not null as is_ended,
       (
         select coalesce(sum(cardinality(other.outstanding)), 0)::integer from posthorn.replays as other
         where other.bucket = 0 and other.webhook_id = r.webhook_id and other.id <> r.id and other.finished_at is null
       ) as beside
     from posthorn.replays as r
     join posthorn.webhooks as w on w.webhook_id = r.webhook_id
     where r.bucket = 0 and r.tenant = $1 and r.id = $2 and r.finished_at is null
     for update of r skip locked`,
    [tenant, id],
  );
  return rows[0];
}

// What sends events of a webhook again does so one after the other, and sees what the others queued: the lock that
// deliveries.retry takes too. Not waited for, since the next step will do.
function lockSending(client: pg.ClientBase, { webhook_id }: OpenReplay): Promise<boolean> {
  return tryLock(client, resendLock(webhook_id));
}

function queue(client: pg.ClientBase, replay: OpenReplay, room: number) {
  return queueMatches(client, replay, horizonAt(replay.now), room);
}
