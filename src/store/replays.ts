// Replays as rows: made, read, ended. store/replay-feed.ts feeds them.
import { sql, type Transaction } from "kysely";
import type pg from "pg";

import { DAY } from "../kernel/duration.ts";
import { lowestUuidAt } from "../kernel/ids.ts";
import type { Db } from "../database/connect.ts";
import { lock } from "../database/locks.ts";
import { readBy, readOn } from "../database/read.ts";
import { countEnded } from "./replay-ends.ts";
import { findMatches, type LeftOut, type ReplaySearch } from "./replay-matches.ts";
import { resendLock } from "./resend-lock.ts";
import type { Schema } from "../database/schema.ts";
import { isSeenRow, type Reach } from "./reach.ts";
import { BUCKET } from "./tenant.ts";

export type ReplayStatus = "running" | "done" | "cancelled";

/** A replay with what has become of its deliveries so far. */
export type ReplayRow = {
  id: string;
  tenant: string;
  webhook_id: string;
  matched: number;
  queued: number;
  delivered: number;
  dead: number;
  cancelled: number;
  left_out: LeftOut;
  status: ReplayStatus;
  cause: WantedReplay["cause"];
  /** Null: whatever became of the events. */
  wanted: WantedReplay["wanted"];
  /** Bounds of the events' ids. */
  since: string;
  until: string;
  created_at: Date;
  finished_at: Date | null;
};

/** The moment of a call, by the database's clock, and what was on its way to the webhook then. */
export type Moment = {
  at: Date;
  /** The id of a replay made at it: what was made before has a lesser one. */
  id: string;
  /** The deliveries of the webhook's other replays that were pending. */
  pending_then: string[];
  /** When the webhook's last retry of all that is dead was asked for, where it is not all queued yet. */
  covered_to: Date | null;
};

/** A replay that is wanted. Only what is unfinished is kept of it until it runs. */
export type WantedReplay = Pick<ReplaySearch, "tenant" | "webhook_id" | "wanted" | "by_first"> & {
  cause: "replay" | "retry";
  since: string;
  until: string;
};

/** What was counted, and where it broke off for time; null where it went through. */
export type Count = { matched: number; countedTo: string | null };

/**
 * Reads the moment of a call, once whatever is queueing for the webhook has committed: what a step of another replay has
 * queued has lesser ids than this moment's, and unless it is seen as pending it is sent again when it dies.
 */
export async function readMoment(db: Db, webhookId: number): Promise<Moment> {
  return db.transaction().execute(async (trx) => {
    await lock(trx, resendLock(webhookId));
    return readMomentLocked(trx, webhookId);
  });
}

async function readMomentLocked(trx: Transaction<Schema>, webhookId: number): Promise<Moment> {
  const { rows } = await sql<Moment>`
    select clock.at, posthorn.uuid_v7(clock.at, 0) as id,
      array(
        select d.id from posthorn.replays as r
        cross join unnest(r.outstanding) as o (id)
        join posthorn.deliveries as d on d.bucket = r.bucket and d.tenant = r.tenant and d.id = o.id
        where r.bucket = ${BUCKET} and r.webhook_id = ${webhookId} and r.finished_at is null
      ) as pending_then,
      (
        select max(r.created_at) from posthorn.replays as r
        where r.bucket = ${BUCKET} and r.webhook_id = ${webhookId} and r.finished_at is null
          and r.cause = 'retry' and r.status = 'running' and not r.is_fed
      ) as covered_to
    from (select clock_timestamp() as at offset 0) as clock`.execute(trx);
  const [moment] = rows;
  if (!moment) throw new Error("the database's clock answered nothing");
  return moment;
}

/** The bound above every delivery there is at `now`. */
export function horizonAt(now: Date): string {
  return lowestUuidAt(new Date(now.getTime() + DAY));
}

/** Candidates judged for one page of a count: each costs one probe for every day since its event. */
const COUNT_ROWS = 2_000;

/**
 * Counts what a replay would send, page by page, until `isLate` says that it took too long. A retry of all that is dead
 * does not count what another one is about to send.
 */
export async function countReplay(
  pool: pg.Pool,
  wanted: WantedReplay,
  moment: Moment,
  isLate: () => boolean,
): Promise<Count> {
  const coveredTo = wanted.cause === "retry" ? moment.covered_to : null;
  const { id, pending_then } = moment;
  const search = { ...wanted, id, pending_then };
  const bounds = { horizon: horizonAt(moment.at), rowsMax: COUNT_ROWS, finishedAfter: coveredTo };
  let [matched, position] = [0, wanted.since];
  for (;;) {
    const page = await findMatches(readOn(pool), { ...search, position }, bounds);
    matched += page.matches.filter(({ finishedLate }) => !coveredTo || finishedLate).length;
    if (page.position === null) return { matched, countedTo: null };
    position = page.position;
    if (isLate()) return { matched, countedTo: position };
  }
}

/** Keeps a replay for the workers to feed. Where nothing matches it is done at once. */
export async function insertReplay(
  trx: Transaction<Schema>,
  wanted: WantedReplay,
  moment: Moment,
  { matched, countedTo }: Count,
): Promise<void> {
  const isDone = matched === 0 && countedTo === null;
  await sql`
    insert into posthorn.replays
      (bucket, is_fed, by_first, tenant, id, webhook_id, cause, wanted, since, until, position, counted_to, matched, pending_then,
       status, created_at, finished_at)
    values (${BUCKET}, ${isDone}, ${wanted.by_first}, ${wanted.tenant}, ${moment.id}, ${wanted.webhook_id}, ${wanted.cause}, ${wanted.wanted},
      ${wanted.since}, ${wanted.until}, ${wanted.since}, ${countedTo}, ${matched},
      ${moment.pending_then}, ${isDone ? "done" : "running"}, ${moment.at}, ${isDone ? moment.at : null})`.execute(
    trx,
  );
}

export type ReplayFilter = {
  id?: string;
  webhookId?: number | undefined;
  before?: string | undefined;
  limit: number;
};

/** The replays that are seen, newest first, those before the id `before` only. */
export async function listReplays(
  db: Db,
  reach: Reach,
  filter: ReplayFilter,
): Promise<ReplayRow[]> {
  const conditions = [
    sql`${isSeenRow(reach, "r")}`,
    filter.id !== undefined && sql`r.id = ${filter.id}`,
    filter.webhookId !== undefined && sql`r.webhook_id = ${filter.webhookId}`,
    filter.before !== undefined && sql`r.id < ${filter.before}`,
  ].filter((condition) => condition !== false);
  const { rows } = await sql<ReplayRow & { outstanding: string[] }>`
    select r.id, r.tenant, w.id as webhook_id, r.matched, r.queued, r.status, r.delivered, r.dead, r.cancelled, r.outstanding,
      json_build_object(
        'pending', r.left_pending, 'sent_again', r.left_sent_again, 'payload_gone', r.left_payload_gone
      ) as left_out,
      r.cause, r.wanted, r.since, r.until, r.created_at, r.finished_at
    from posthorn.replays as r
    join posthorn.webhooks as w on w.webhook_id = r.webhook_id
    where ${sql.join(conditions, sql` and `)}
    order by r.id desc limit ${filter.limit}`.execute(db);
  const replays: ReplayRow[] = [];
  // What has ended since the last feeding is counted here: the counts are exact at any time.
  for (const { outstanding, ...replay } of rows) {
    const ended = await countEnded(readBy(db), replay.tenant, outstanding);
    replay.delivered += ended.delivered;
    replay.dead += ended.dead;
    replay.cancelled += ended.cancelled;
    replays.push(replay);
  }
  return replays;
}

/** A replay that is seen, or undefined. */
export async function findReplay(db: Db, reach: Reach, id: string): Promise<ReplayRow | undefined> {
  const [row] = await listReplays(db, reach, { id, limit: 1 });
  return row;
}

/** Stops a replay's feeding, unless it has ended; what it has queued is cancelled by its next steps. */
export async function stopReplay(db: Db, tenant: string, id: string): Promise<void> {
  await sql`
    update posthorn.replays set status = 'cancelled'
    where bucket = ${BUCKET} and tenant = ${tenant} and id = ${id} and status = 'running'`.execute(
    db,
  );
}

/**
 * Ends the replays of a webhook that is unsubscribed or deleted, within that very transaction: a subscribe that follows
 * at once does not set them going again. Waits for a step that is under way, so that nothing is queued after it.
 */
export async function stopReplaysOf(trx: Transaction<Schema>, webhookId: number): Promise<void> {
  await sql`
    update posthorn.replays set status = 'cancelled'
    where bucket = ${BUCKET} and webhook_id = ${webhookId} and status = 'running'
      and finished_at is null`.execute(trx);
}
