// Every tenant, for admins: how each fares, and the way there.
import { useState } from "react";

import { linkTo, paths } from "../../address/links.ts";
import { useFilters } from "../../address/filters.ts";
import { useList } from "../../api/list.ts";
import type { Row } from "../../api/operations.ts";
import { ListView } from "../../parts/list-view.tsx";
import { Empty } from "../../parts/states.tsx";
import type { Column } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { Section } from "../../parts/view.tsx";
import { number } from "../../parts/words.ts";

const columns: Column<Row<"tenants.list">>[] = [
  { title: "Webhooks", width: "110px", isNumber: true, cell: ({ webhooks }) => number(webhooks) },
  { title: "Backlog", width: "110px", isNumber: true, cell: ({ backlog }) => number(backlog) },
  {
    title: "Oldest due",
    width: "140px",
    cell: ({ oldest_due_at: at }) => (at ? <Time at={at} /> : <span className="dim">none</span>),
  },
  { title: "Dead, 24 h", width: "110px", isNumber: true, cell: ({ dead_24h }) => number(dead_24h) },
];

export default function Tenants() {
  const filters = useFilters([]);
  const [isHeld, setHeld] = useState(false);
  const list = useList("tenants.list", {}, { isHeld });
  return (
    <Section title="Tenants">
      <ListView
        what="tenants"
        list={list}
        filters={filters}
        columns={columns}
        linkTitle="Tenant"
        link={({ name }) => ({ href: linkTo(paths.overview, {}, name), text: name })}
        onScrolled={setHeld}
        empty={<Empty title="No tenants yet">A tenant exists by being named.</Empty>}
      />
    </Section>
  );
}
