// What deliveries have taught of a webhook, as the API changes and reads it.
import { sql, type Transaction } from "kysely";

import type { Db } from "../database/connect.ts";
import type { Schema } from "../database/schema.ts";
import type { CancelReason } from "../kernel/reasons.ts";
import { BUCKET } from "./tenant.ts";

/** What a change of a webhook makes of what was learned, and of its rows. */
export type StateChange = {
  /** One concurrency slot until its receiver has shown that it answers: after a hold, or at a new URL. */
  unproves?: boolean;
  /** The next delivery goes at once: when it may was reckoned by a rate that is no more. */
  forgetsPace?: boolean;
  /** What the receiver asked for by Retry-After is over. */
  forgetsRest?: boolean;
  /** The same, and all that waits for a retry is due now. */
  hastens?: boolean;
  /** All that is pending now is cancelled for this reason, also where a subscribe follows at once. */
  cancels?: CancelReason | undefined;
  /** Its rows are put in the lanes of its order. */
  reorders?: boolean;
};

/**
 * Changes a webhook's state, last in the caller's transaction since claims pass by a webhook whose state is locked. From then
 * on nothing is learned of attempts by older versions, and its rows follow: see queue/requeue.ts.
 */
export async function changeState(
  trx: Transaction<Schema>,
  { webhook_id: webhookId, version }: { webhook_id: number; version: string },
  { unproves, forgetsPace, forgetsRest, hastens, cancels, reorders }: StateChange,
): Promise<void> {
  const places = hastens || cancels !== undefined || reorders;
  await sql`
    with clock as materialized (select posthorn.uuid_v7(clock_timestamp(), 0) as id)
    update posthorn.webhook_states as s
    set version = ${version}::uuid,
      proven = s.proven and not ${unproves ?? false}::boolean,
      next_send_at = case when ${forgetsPace ?? false}::boolean then null else s.next_send_at end,
      not_before = case when ${(hastens ?? false) || (forgetsRest ?? false)}::boolean then null else s.not_before end,
      hastens = s.hastens or ${hastens ?? false}::boolean,
      cancels_before = case when ${cancels !== undefined}::boolean then clock.id else s.cancels_before end,
      cancels_as = coalesce(${cancels ?? null}::text, s.cancels_as),
      requeued_to = case when ${places ?? false}::boolean then '00000000-0000-0000-0000-000000000000' else s.requeued_to end
    from clock
    where s.bucket = ${BUCKET} and s.webhook_id = ${webhookId}`.execute(trx);
}

/** Adds to webhooks' rows until when their receivers asked to be left alone; null where that is over. */
export async function withResting<Row extends { webhook_id: number }>(
  db: Db,
  webhooks: readonly Row[],
): Promise<(Row & { resting_until: Date | null })[]> {
  const { rows } = await sql<{ webhook_id: number; not_before: Date }>`
    select webhook_id, not_before from posthorn.webhook_states
    where bucket = ${BUCKET} and webhook_id = any (${webhooks.map((row) => row.webhook_id)}::bigint[])
      and not_before > now()`.execute(db);
  const until = new Map(rows.map((row) => [row.webhook_id, row.not_before]));
  return webhooks.map((row) => ({ ...row, resting_until: until.get(row.webhook_id) ?? null }));
}

const COUNT_MAX = 100_000; // a few hundred milliseconds; what is beyond follows all the same

/** How many of a webhook's deliveries are pending; counted to 100,000. */
export async function countPending(db: Db, webhookId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from (
      select from posthorn.deliveries as d
      where d.bucket = ${BUCKET} and d.webhook_id = ${webhookId} and d.webhook_id > 0
      limit ${COUNT_MAX}
    ) as pending`.execute(db);
  return rows[0]?.count ?? 0;
}

/** How many of a webhook's deliveries wait for a retry, or for the end of its Retry-After; counted to 100,000. */
export async function countWaiting(db: Db, webhookId: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::integer as count from (
      select from posthorn.deliveries as d
      where d.bucket = ${BUCKET} and d.webhook_id = ${webhookId} and d.webhook_id > 0
        and (d.locked_until is null or d.locked_until < now())
        and (d.state = 1 or d.state in (0, 2) and exists (
          select from posthorn.webhook_states as s
          where s.bucket = ${BUCKET} and s.webhook_id = ${webhookId} and s.not_before > now()
        ))
      limit ${COUNT_MAX}
    ) as waiting`.execute(db);
  return rows[0]?.count ?? 0;
}
