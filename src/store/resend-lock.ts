// The one lock under which a webhook is sent events again.
import { lockOf } from "../database/locks.ts";

/**
 * The lock that whatever queues a delivery for an event that was published before takes first, for its transaction, before
 * it looks whether one is pending: a retry, a replay and a retry of all, at once, queue it once.
 */
export function resendLock(webhookId: number): number {
  return lockOf(`resend ${webhookId}`);
}
