// The events that were published.
import { Checkbox } from "@mantine/core";
import { useState } from "react";

import { useFilters } from "../../address/filters.ts";
import { linkTo, paths } from "../../address/links.ts";
import { now } from "../../api/clock.ts";
import { issuesByField } from "../../api/failure.ts";
import { useList } from "../../api/list.ts";
import type { Row } from "../../api/operations.ts";
import { FilterText, FilterTime } from "../../parts/fields.tsx";
import { ListView } from "../../parts/list-view.tsx";
import { Empty } from "../../parts/states.tsx";
import { Stranger } from "../../parts/stranger.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { View } from "../../parts/view.tsx";

const FIELDS = [
  "type",
  "channel",
  "idempotency_key",
  "payload_contains",
  "since",
  "until",
  "matched_none",
] as const;

const DAY_MS = 86_400_000;

const COLUMNS: Column<Row<"events.list">>[] = [
  {
    title: "Channel",
    width: "20%",
    cell: ({ channel }) => channel !== null && <Stranger text={channel} />,
  },
  { title: "Id", cell: ({ id }) => <span className="mono dim">{id}</span> },
  { title: "Published", width: "130px", cell: ({ created_at }) => <Time at={created_at} /> },
];

export default function Events() {
  const filters = useFilters(FIELDS);
  const [isHeld, setHeld] = useState(false);
  const list = useList(
    "events.list",
    {
      type: filters.given("type"),
      channel: filters.given("channel"),
      idempotency_key: filters.given("idempotency_key"),
      payload_contains: filters.given("payload_contains"),
      since: filters.given("since"),
      until: filters.given("until"),
      matched_none: filters.get("matched_none") === "true" || undefined,
    },
    { isHeld },
  );
  const errors = issuesByField(list.failure, [...FIELDS]);
  const of = (name: (typeof FIELDS)[number], label: string) => ({
    filters,
    name,
    label,
    error: errors[name],
  });
  // A day back from now, which does not move on: of more than a day no payloads are looked through.
  const lookIn = (text: string) => {
    const until = now(); // read once: a day and a millisecond would be refused
    const day =
      text === "" || filters.get("since") !== ""
        ? {}
        : { since: new Date(until - DAY_MS).toISOString(), until: new Date(until).toISOString() };
    filters.set({ payload_contains: text, ...day });
  };
  return (
    <View title="Events">
      <div className="filters">
        <FilterText {...of("type", "Type")} placeholder="message.*" />
        <FilterText {...of("channel", "Channel")} />
        <FilterText {...of("idempotency_key", "Idempotency key")} />
        <FilterText {...of("payload_contains", "Text in the payload")} onDone={lookIn} />
        <FilterTime {...of("since", "Since")} />
        <FilterTime {...of("until", "Until")} />
        <Checkbox
          size="xs"
          label="Matched none"
          checked={filters.get("matched_none") === "true"}
          onChange={(event) =>
            filters.set({ matched_none: event.currentTarget.checked ? "true" : undefined })
          }
        />
      </div>
      <ListView
        what="events"
        list={list}
        filters={filters}
        columns={COLUMNS}
        linkTitle="Type"
        linkWidth="26%"
        link={({ id, type, tenant }) => ({ href: linkTo(paths.event(id), {}, tenant), text: type })}
        onScrolled={setHeld}
        empty={
          <Empty title="No events yet">
            Publish one by <code>posthorn.publish</code> in SQL, inside your own transaction, or by{" "}
            <code>events.publish</code>. It is shown here at once.
          </Empty>
        }
      />
    </View>
  );
}
