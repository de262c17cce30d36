// Why an event did, or did not, reach a webhook: as one says it to a customer. Pure.
import { printable } from "../kernel/printable.ts";
import type { Client } from "./api.ts";
import type { Delivery } from "./tail-follow.ts";

export type NotSent = Awaited<ReturnType<Client["events"]["why_not"]["query"]>>["data"][number];

/** What became of a delivery, in lines of at most some 75 characters. */
export function deliveryInWords(delivery: Delivery): string[] {
  const { id, status, reason, attempts_made, last_attempt: last, next_attempt_at } = delivery;
  const attempts = attempts_made === 1 ? "1 attempt" : `${attempts_made} attempts`;
  const lastly = last ? `; the last ${last.at}: ${answerOf(last)}` : "";
  switch (status) {
    case "delivered":
      return [`delivered ${delivery.finished_at ?? ""}, ${attempts}`, id];
    case "dead":
      return [
        `dead (${reason}) after ${attempts}${lastly}`,
        `${id}: deliveries.retry sends it again`,
      ];
    case "cancelled":
      return [`cancelled: ${CANCELLED[reason ?? ""] ?? reason}`, id];
    case "pending":
      return [
        `${waiting(delivery)}${next_attempt_at === null ? "" : `, due ${next_attempt_at}`}`,
        id,
      ];
    default:
      return [status satisfies never];
  }
}

function answerOf({ status, reason }: NonNullable<Delivery["last_attempt"]>): string {
  return status === null ? (reason ?? "no answer") : `answered ${status}`;
}

const CANCELLED: Record<string, string> = {
  unsubscribed: "the webhook was unsubscribed",
  deleted: "the webhook was deleted",
  erased: "the event was erased",
  cancelled: "somebody cancelled it",
  held_too_long: "it was held longer than POSTHORN_HOLD_H",
};

function waiting({ waiting_for, attempts_made, last_attempt }: Delivery): string {
  switch (waiting_for) {
    case "retry":
      return `waits for its next attempt; ${attempts_made} failed, the last of ${last_attempt?.status ?? last_attempt?.reason ?? "?"}`;
    case "rate":
      return "waits for the webhook's rate limit";
    case "order":
      return "waits for those before it in its order";
    case "paused":
      return "held: the webhook is paused";
    case "disabled":
      return "held: the webhook is disabled";
    case "cap":
      return "due, behind others of its webhook that are in flight";
    case null:
      return "due now, or in flight";
    default:
      return waiting_for satisfies never;
  }
}

const REASONS: Record<NotSent["reason"], string> = {
  deleted: "the webhook was deleted before",
  unsubscribed: "the webhook was unsubscribed",
  own_event_not_named: "an event of the service's own goes only where `events` names it",
  other_type: "its `events` did not take this type in",
  other_channel: "its `channels` did not take this channel in",
  subscribed_later: "it subscribed after the event was published",
  changed_meanwhile: "a change of it was committed just as the event was published",
  paused: "its delivery is held: the webhook is paused",
  disabled: "its delivery is held: the webhook is disabled",
  held_too_long: "its delivery was cancelled: held longer than POSTHORN_HOLD_H",
  erased: "its delivery was cancelled: the event was erased",
  cancelled: "its delivery was cancelled",
  unknown: "what the webhook was then is past the retention",
};

/** Why an event did not go to a webhook, and whether it would today. */
export function reasonInWords({ reason, since, now }: NotSent): string[] {
  const from = since === null ? "" : ` (so since ${since})`;
  const today =
    now === null
      ? []
      : [now === "would_match" ? "today it would go there" : `today: ${REASONS[now]}`];
  return [`${REASONS[reason]}${from}`, ...today].map((line) => printable(line));
}
