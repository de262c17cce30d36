// Why an event did not go to a webhook: judged by what the webhook was when the event was published.
import { isReservedType, takesInAny } from "../event-types/names.ts";
import type { Filter } from "../store/event-webhooks.ts";

/** Why a webhook does not take an event; null: it does. */
export type FilterReason =
  "deleted" | "unsubscribed" | "own_event_not_named" | "other_type" | "other_channel" | null;

/** Judges an event by a webhook's filter as the publish does, which says no more than whether it goes there. */
export function reasonOf(
  event: { type: string; channel: string | null },
  filter: Filter,
): FilterReason {
  if (filter.is_deleted) return "deleted";
  if (filter.status !== "Subscribed") return "unsubscribed";
  const isOwn = isReservedType(event.type);
  const isNamed = filter.events.some((pattern) => takesInAny(pattern, [event.type]));
  if (!isNamed && isOwn) return "own_event_not_named";
  if (!isNamed && filter.events.length > 0) return "other_type";
  const isOfChannel = filter.channels.length === 0 || filter.channels.includes(event.channel ?? "");
  return isOfChannel ? null : "other_channel";
}
