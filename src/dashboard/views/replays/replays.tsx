// The replays: what was sent again at once, and how far each is.
import { useState } from "react";

import { useFilters } from "../../address/filters.ts";
import { linkTo, paths } from "../../address/links.ts";
import { useList } from "../../api/list.ts";
import type { Row } from "../../api/operations.ts";
import { ListView } from "../../parts/list-view.tsx";
import { Empty } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { View } from "../../parts/view.tsx";
import { number } from "../../parts/words.ts";
import { spanOf } from "./words.tsx";

const COLUMNS: Column<Row<"replays.list">>[] = [
  { title: "Status", width: "118px", cell: ({ status }) => <Status is={status} /> },
  { title: "Events", width: "100px", isNumber: true, cell: ({ matched }) => number(matched) },
  { title: "Delivered", width: "100px", isNumber: true, cell: (row) => number(row.delivered) },
  { title: "Dead", width: "80px", isNumber: true, cell: ({ dead }) => number(dead) },
  { title: "Cancelled", width: "96px", isNumber: true, cell: (row) => number(row.cancelled) },
  { title: "Begun", width: "120px", cell: ({ created_at }) => <Time at={created_at} /> },
];

export default function Replays() {
  const filters = useFilters(["webhook_id"]);
  const [isHeld, setHeld] = useState(false);
  const list = useList("replays.list", { webhook_id: filters.given("webhook_id") }, { isHeld });
  return (
    <View title="Replays" above={{ href: linkTo(paths.deliveries), text: "Deliveries" }}>
      <ListView
        what="replays"
        list={list}
        filters={filters}
        columns={COLUMNS}
        linkTitle="What"
        link={(row) => ({ href: linkTo(paths.replay(row.id)), text: spanOf(row) })}
        onScrolled={setHeld}
        empty={
          <Empty
            title="Nothing was replayed yet"
            action={<a href={linkTo(paths.webhooks)}>See the webhooks</a>}
          >
            A webhook’s page sends again what its receiver has missed.
          </Empty>
        }
      />
    </View>
  );
}
