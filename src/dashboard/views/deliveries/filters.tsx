// What deliveries can be filtered by.
import type { Filters } from "../../address/filters.ts";
import { FilterSelect, FilterSome, FilterText, FilterTime } from "../../parts/fields.tsx";
import { CAUSES, REASONS } from "../../parts/words.ts";
import { WebhookFilter } from "./webhook-filter.tsx";

export const FIELDS = [
  "status",
  "type",
  "event_id",
  "webhook_id",
  "sequence",
  "channel",
  "response_status",
  "reason",
  "cause",
  "since",
  "until",
  "order",
] as const;

const STATUSES = ["pending", "delivered", "dead", "cancelled"];

const choicesOf = (words: Record<string, string>) =>
  Object.entries(words).map(([value, label]) => ({ value, label }));

type Props = { filters: Filters; errors: Record<string, string> };

export function DeliveryFilters({ filters, errors }: Props) {
  const of = (name: (typeof FIELDS)[number], label: string) => ({
    filters,
    name,
    label,
    error: errors[name],
  });
  return (
    <div className="filters">
      <FilterSome {...of("status", "Status")} choices={STATUSES} />
      <FilterText {...of("type", "Type")} placeholder="message.*" />
      <WebhookFilter {...of("webhook_id", "Webhook")} />
      <FilterText {...of("sequence", "Number")} inputMode="numeric" maxLength={15} />
      {filters.get("event_id") !== "" && <FilterText {...of("event_id", "Event id")} />}
      <FilterText {...of("channel", "Channel")} />
      <FilterText {...of("response_status", "Response")} placeholder="404, 5xx" maxLength={3} />
      <FilterSelect {...of("reason", "Reason")} choices={choicesOf(REASONS)} />
      <FilterSelect {...of("cause", "Cause")} choices={choicesOf(CAUSES)} />
      <FilterTime {...of("since", "Since")} />
      <FilterTime {...of("until", "Until")} />
      <FilterSelect
        {...of("order", "Order")}
        any="Newest first"
        choices={[{ value: "oldest", label: "Oldest first" }]}
      />
    </div>
  );
}
