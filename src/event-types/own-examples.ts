// Examples of the service's own events, which are in no tenant's list.
import type { OWN_EVENT_TYPES } from "./names.ts";

const WEBHOOK_ID = "3e639566-29fa-450d-a59f-ae3c25d7260f";

const EXAMPLES: Record<(typeof OWN_EVENT_TYPES)[number], unknown> = {
  "webhook.failing": {
    webhook_id: WEBHOOK_ID,
    health: "failing",
    reason: "delivery_dead",
    disables_at: "2026-02-05T12:00:00.000Z",
  },
  "webhook.disabled": { webhook_id: WEBHOOK_ID, health: "disabled", reason: "no_success" },
  "webhook.recovered": { webhook_id: WEBHOOK_ID, health: "ok" },
  "webhook.dropping": { webhook_id: WEBHOOK_ID, drops_at: "2026-02-07T12:00:00.000Z" },
  "delivery.dead": {
    webhook_id: WEBHOOK_ID,
    delivery_id: "dlv_019c13f8d2007a1f8000a2f4c6e81b07",
    event_id: "evt_019c13f8d2007a1f80004c1b7a9e22d1",
    reason: "status",
  },
};

/** The example of one of the service's own events, or undefined where the name is none of theirs. */
export function ownExample(name: string): unknown {
  return Object.hasOwn(EXAMPLES, name) ? EXAMPLES[name as keyof typeof EXAMPLES] : undefined;
}
