// What of a webhook's events its receiver lacks, and their being queued again.
import { sql } from "kysely";
import type pg from "pg";

import type { Db } from "../database/connect.ts";
import { partsBack, partsForth, readSpan, within } from "../database/days.ts";
import { lockOn } from "../database/locks.ts";
import { readBy, readInPassing } from "../database/read.ts";
import type { FinalStatus } from "../database/schema.ts";
import { inTransaction } from "../database/transaction.ts";
import { readPayloadSizes } from "./replay-matches.ts";
import { queueAgain } from "./replay-queue.ts";
import { resendLock } from "./resend-lock.ts";
import { BUCKET } from "./tenant.ts";

/** A delivery of a webhook, as far as it speaks for its event. */
export type SentDelivery = {
  id: string;
  event_id: string;
  status: "pending" | FinalStatus;
  sequence: number | null;
};

/** A webhook's deliveries that were made in a span, newest first, up to `limit`. */
export async function listSent(
  db: Db,
  tenant: string,
  webhookId: number,
  { since, until, limit }: { since: Date; until: Date | undefined; limit: number },
): Promise<SentDelivery[]> {
  const sent: SentDelivery[] = [];
  const span = within(await readSpan(readBy(db), "finished_deliveries"), { since, until });
  for (const part of partsBack(span)) {
    const { rows } = await sql<SentDelivery>`
      select id, event_id, status, sequence from posthorn.all_deliveries
      where bucket = ${BUCKET} and tenant = ${tenant} and webhook_id = ${webhookId}
        and id >= ${part.from} and id < ${part.until}
      order by id desc limit ${limit - sent.length}`.execute(db);
    sent.push(...rows);
    if (sent.length >= limit) break;
  }
  return sent;
}

/** The newest delivery of each of these events to a webhook that was made at or after `since`. */
export async function findNewestSince(
  db: Db,
  tenant: string,
  webhookId: number,
  eventIds: readonly string[],
  since: Date,
): Promise<Map<string, SentDelivery>> {
  const newest = new Map<string, SentDelivery>();
  if (eventIds.length === 0) return newest;
  const span = within(await readSpan(readBy(db), "finished_deliveries"), { since });
  for (const part of partsForth(span)) {
    const { rows } = await sql<SentDelivery>`
      select distinct on (event_id) id, event_id, status, sequence from posthorn.all_deliveries
      where bucket = ${BUCKET} and tenant = ${tenant} and webhook_id = ${webhookId}
        and event_id = any (${eventIds}::uuid[]) and id >= ${part.from} and id < ${part.until}
      order by event_id, id desc`.execute(db);
    for (const row of rows) newest.set(row.event_id, row);
  }
  return newest;
}

/**
 * Queues events of a webhook again, behind live ones, but those of which a delivery is pending, or whose payload is gone. Answers
 * the new deliveries' ids by event.
 */
export function queueMissing(
  pool: pg.Pool,
  tenant: string,
  webhookId: number,
  missing: readonly SentDelivery[],
): Promise<Map<string, string>> {
  return inTransaction(pool, async (client) => {
    await client.query("select posthorn.stay($1)", [tenant]);
    await lockOn(client, resendLock(webhookId));
    const pending = await client.query<{ event_id: string }>(
      `select event_id from posthorn.deliveries
       where bucket = 0 and event_id = any ($1::uuid[]) and webhook_id = $2
         and event_id > '00000000-0000-0000-0000-000000000000'`,
      [missing.map(({ event_id }) => event_id), webhookId],
    );
    const isPending = new Set(pending.rows.map(({ event_id }) => event_id));
    const idle = missing.filter(({ event_id }) => !isPending.has(event_id));
    const sizes = await readPayloadSizes(readInPassing(client), tenant, idle);
    const matches = idle.flatMap(({ event_id, sequence }) => {
      const payload_bytes = sizes.get(event_id);
      return payload_bytes === undefined ? [] : [{ event_id, sequence, payload_bytes }];
    });
    const queued = await queueAgain(
      client,
      { tenant, webhook_id: webhookId, cause: "reconcile" },
      matches,
    );
    return new Map(queued.map(({ event_id, id }) => [event_id, id]));
  });
}
