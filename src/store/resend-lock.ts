// The one lock under which a webhook is sent events again.
import { sql, type Transaction } from "kysely";

import type { Schema } from "../database/schema.ts";

/**
 * The name of the advisory lock that whatever queues a delivery for an event that was published before takes first, for its
 * transaction, before it looks whether one is pending: a retry, a replay and a retry of all, at once, queue it once.
 */
export function resendLock(webhookId: number): string {
  return `resend ${webhookId}`;
}

/** Waits for the lock and holds it until the transaction ends. What its last holder queued, the next statement sees. */
export async function lockResending(trx: Transaction<Schema>, webhookId: number): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${resendLock(webhookId)}, 0))`.execute(
    trx,
  );
}
