// One line for each change of a webhook's health: what a person who is woken greps for.
import type { WebhookHealth } from "../database/schema.ts";
import type { Log } from "../kernel/log.ts";
import type { ChangedWebhook } from "../queue/health.ts";

/** Writes a change of health to the log. */
export function tellHealth(
  log: Log,
  webhook: ChangedWebhook,
  change: { from: WebhookHealth; to: WebhookHealth; reason: string | null },
): void {
  const { tenant, id } = webhook;
  const { from, to, reason } = change;
  log[to === "ok" ? "info" : "warn"](
    { tenant, webhook_id: id, from, health: to, ...(reason !== null && { reason }) },
    "a webhook's health has changed",
  );
}
