// Where a claim may begin in each webhook's rows: behind what was claimed of it before. Pure.
import { timeOfUuid } from "../kernel/ids.ts";
import type { ClaimedDelivery } from "../queue/claim.ts";

const KNOWN_MAX = 1_000; // webhooks; each without work costs a claim some 5 µs
const FROM_THE_BEGINNING = "00000000-0000-0000-0000-000000000000";

export type Known = {
  /** Takes what was claimed, in the order of the claim. */
  claimed(deliveries: readonly ClaimedDelivery[]): void;
  /** Takes what was given back: its webhooks have to be looked at from the beginning. */
  returned(deliveries: readonly ClaimedDelivery[]): void;
  /** The webhooks claimed of last, and since when each may have work that was not claimed yet. */
  since(): Map<number, Date>;
};

/**
 * Creates what a worker knows of webhooks. Of one without an order rows are claimed in the order in which they are due, and
 * nothing is due before its event: so nothing that waits to be claimed is due before the event of what was claimed last. What
 * comes back from a wait, or was committed late, may be: a claim that looks at all finds it.
 */
export function createKnown(): Known {
  const events = new Map<number, string>(); // by webhook, the newest that was claimed; the webhook claimed of longest ago first
  return {
    claimed(deliveries) {
      for (const { webhook_id: id, event_id, lane } of deliveries) {
        const before = events.get(id) ?? FROM_THE_BEGINNING;
        events.delete(id);
        // The heads of its lanes become ready in the order of their lanes.
        events.set(id, lane !== null ? FROM_THE_BEGINNING : event_id > before ? event_id : before);
      }
      for (const [id] of events) {
        if (events.size <= KNOWN_MAX) break;
        events.delete(id);
      }
    },
    returned(deliveries) {
      for (const { webhook_id: id } of deliveries)
        if (events.has(id)) events.set(id, FROM_THE_BEGINNING);
    },
    since: () => new Map([...events].map(([id, event]) => [id, timeOfUuid(event)])),
  };
}
