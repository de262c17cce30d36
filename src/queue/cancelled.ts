// Pending deliveries that end as cancelled: what is written down of them.
import type { CancelReason } from "../kernel/reasons.ts";

/** The end of a statement that has deleted pending deliveries as `gone`: each is written down as cancelled. */
export function cancelGone(reason: CancelReason): string {
  return `insert into posthorn.finished_deliveries
    (tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, last_at, last_status, last_reason,
     last_duration_ms, status, reason, finished_at)
  select tenant, id, event_id, webhook_id, sequence, created_at, cause, attempts_made, last_at, last_status, last_reason,
    last_duration_ms, 'cancelled', posthorn.cancelled_as('${reason}'), now()
  from gone`;
}
