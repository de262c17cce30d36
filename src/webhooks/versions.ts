// A change of a webhook and the version that it makes: kept for the audit, and no more of them than somebody could mean.
import type { Transaction } from "kysely";

import type { Schema } from "../database/schema.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { TenantStore } from "../store/tenant.ts";
import { keepChange } from "../store/webhook-changes.ts";
import { findDayOfChanges, insertVersion } from "../store/webhook-versions.ts";
import type { WebhookRow } from "../store/webhooks.ts";

const VERSIONS_PER_DAY_MAX = 1_000; // of one webhook: a change each minute and a half, day and night

/**
 * Keeps the version that a change has made. What only stops a webhook (a pause, an unsubscribe) is never too much: the way
 * back is counted.
 */
export async function keepVersion(
  store: TenantStore,
  trx: Transaction<Schema>,
  { before, after }: { before: WebhookRow; after: WebhookRow },
  headersMasked: Record<string, string> | "kept",
): Promise<void> {
  if (!stops(before, after)) {
    const retryAfterS = await findDayOfChanges(trx, after.webhook_id, VERSIONS_PER_DAY_MAX);
    if (retryAfterS !== undefined)
      throw new PosthornError(
        "rate_limited",
        `this webhook has been changed ${VERSIONS_PER_DAY_MAX} times within a day, and each change is kept for the audit; it can still be paused, unsubscribed and deleted, and changed again later`,
        { retryAfterS },
      );
  }
  await insertVersion(trx, after, headersMasked);
  await keepChange(trx, store, after.webhook_id, headersMasked === "kept");
}

function stops(before: WebhookRow, after: WebhookRow): boolean {
  return (
    (after.paused && !before.paused) ||
    (after.status === "Unsubscribed" && before.status !== "Unsubscribed")
  );
}
