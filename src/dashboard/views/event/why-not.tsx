// The webhooks that an event did not go to, each with the reason.
import { linkTo, paths } from "../../address/links.ts";
import { useList } from "../../api/list.ts";
import type { Row } from "../../api/operations.ts";
import { webhookOf } from "../../parts/deliveries.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { Section } from "../../parts/view.tsx";
import { number, wordsOf } from "../../parts/words.ts";

const WHY: Record<string, string> = {
  deleted: "Was deleted",
  unsubscribed: "Was unsubscribed",
  own_event_not_named: "Takes in this service’s own events only by name",
  other_type: "Takes in other types",
  other_channel: "Takes in other channels",
  subscribed_later: "Subscribed later",
  changed_meanwhile: "Was changed at that moment",
  paused: "Held: paused",
  disabled: "Held: disabled",
  held_too_long: "Held too long, then dropped",
  erased: "Event erased",
  cancelled: "Cancelled by hand",
  unknown: "Not known: past the retention",
  would_match: "Would go there now",
};

const COLUMNS: Column<Row<"events.why_not">>[] = [
  { title: "Reason", width: "26%", cell: ({ reason }) => wordsOf(WHY, reason) },
  { title: "Since", width: "120px", cell: ({ since }) => since && <Time at={since} /> },
  {
    title: "Dropped",
    width: "120px",
    cell: ({ held_until }) => held_until && <Time at={held_until} isComing />,
  },
  { title: "Now", cell: ({ now }) => now && <span className="dim">{wordsOf(WHY, now)}</span> },
];

export function WhyNot({ id }: { id: string }) {
  const list = useList("events.why_not", { id }, { isHeld: false });
  if (list.isLoading) return <Loading what="Reading where it did not go" />;
  if (list.failure && list.count === 0)
    return <Failed failure={list.failure} onRetry={list.retry} />;
  if (list.count === 0 && !list.hasMore) return null;
  return (
    <Section title={`Did not arrive at (${number(list.count)}${list.hasMore ? "+" : ""})`}>
      <Table
        label="webhooks that did not get it"
        list={list}
        columns={COLUMNS}
        linkTitle="Webhook"
        linkWidth="30%"
        link={(row) => ({
          href: linkTo(
            row.delivery_id === null
              ? paths.webhook(row.webhook_id)
              : paths.delivery(row.delivery_id),
          ),
          text: webhookOf(row),
        })}
      />
    </Section>
  );
}
