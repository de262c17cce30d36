// What became of webhooks, change by change: kept with each, and read for who asks what a webhook was when an event came.
import { sql } from "kysely";
import type pg from "pg";

import type { Db } from "../database/connect.ts";
import type { TenantStore } from "./tenant.ts";

const CONFIGURED_KEY = { id: "admin", name: "POSTHORN_ADMIN_KEY" }; // of which the database has no row

/** Keeps what a request has made of a webhook, at the end of the transaction that has locked and changed it. */
export async function keepChange(
  trx: Db,
  { keyId }: Pick<TenantStore, "keyId">,
  webhookId: number,
): Promise<void> {
  const isConfigured = keyId === CONFIGURED_KEY.id;
  const by = isConfigured ? [null, CONFIGURED_KEY.name] : [keyId, null];
  await sql`select posthorn.keep_change(${webhookId}, ${by[0]}::uuid, ${by[1]})`.execute(trx);
}

/** Keeps what the service itself has made of a webhook. */
export async function keepOwnChange(db: Db, webhookId: number): Promise<void> {
  await sql`select posthorn.keep_change(${webhookId}, null, null)`.execute(db);
}

/**
 * Says of what ended that every publish from now on has seen that: after the commit, of one webhook, or of all where whoever ended
 * it did not come to say so. Answers how many.
 */
export async function markSeen(pool: pg.Pool, webhookId: number | null = null): Promise<number> {
  const { rowCount } = await pool.query(
    `update posthorn.webhook_changes set seen_until = clock_timestamp()
     where valid_until is not null and seen_until is null and ($1::bigint is null or webhook_id = $1)`,
    [webhookId],
  );
  return rowCount ?? 0;
}
