// The catalogue: which types of events there are.
import { Button } from "@mantine/core";
import { useState } from "react";

import { useFilters } from "../../address/filters.ts";
import { linkTo, paths } from "../../address/links.ts";
import { useList } from "../../api/list.ts";
import type { EventType } from "../../api/catalogue.ts";
import { ListView } from "../../parts/list-view.tsx";
import { Empty } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { View } from "../../parts/view.tsx";
import { useMay } from "../../session/session.ts";
import { judgedBy } from "./judged.ts";

const columns: Column<EventType>[] = [
  {
    title: "What it tells",
    cell: ({ description }) => (
      <span className="stranger" title={description ?? undefined}>
        {description ?? ""}
      </span>
    ),
  },
  {
    title: "Payload",
    width: "170px",
    cell: (type) => <Status is={judgedBy(type).word} kind={judgedBy(type).kind} />,
  },
  { title: "Changed", width: "130px", cell: ({ updated_at }) => <Time at={updated_at} /> },
];

export default function EventTypes() {
  const may = useMay();
  const filters = useFilters([]);
  const [isHeld, setHeld] = useState(false);
  const list = useList("event_types.list", {}, { isHeld });
  return (
    <View
      title="Event types"
      actions={
        may("types") && (
          <Button component="a" size="xs" href={linkTo(paths.newEventType)}>
            New event type
          </Button>
        )
      }
    >
      <ListView
        what="event types"
        list={list}
        filters={filters}
        columns={columns}
        linkTitle="Name"
        linkWidth="28%"
        link={({ name }) => ({ href: linkTo(paths.eventType(name)), text: name })}
        onScrolled={setHeld}
        empty={<Empty title="No event types yet">A type names what happened.</Empty>}
      />
    </View>
  );
}
