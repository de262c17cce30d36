// Each attempt that failed is a line of the log, with the ids by which it is looked for.
import { formatId } from "../kernel/ids.ts";
import type { Log } from "../kernel/log.ts";
import type { Settlement } from "../queue/settle.ts";
import type { Target } from "./target.ts";

/** Logs an attempt that has failed: whose it was, why, and what becomes of its delivery. Nothing of what was sent or answered. */
export function tellFailed(
  log: Log,
  { delivery, attempt, verdict, dueAt }: Settlement,
  { id: webhook_id }: Pick<Target, "id">,
): void {
  log.info(
    {
      tenant: delivery.tenant,
      webhook_id,
      delivery_id: formatId("dlv", delivery.id),
      event_id: formatId("evt", delivery.event_id),
      attempt: attempt.number,
      reason: attempt.reason,
      ...(attempt.status !== null && { status: attempt.status }),
      took_ms: attempt.durationMs,
      ...(verdict === "dead" ? { dead: true } : { next_at: dueAt }),
    },
    "an attempt has failed",
  );
}
