// What a row of the webhooks says.
import type { Column } from "../../parts/table.tsx";
import { Status } from "../../parts/status.tsx";
import { standingOf, type ListedWebhook } from "./webhook.ts";

const number = (value: number | undefined) => value?.toLocaleString("en") ?? "";

export const webhookColumns: Column<ListedWebhook>[] = [
  {
    title: "URL",
    cell: ({ url }) => (
      <span className="mono stranger" title={url}>
        {url}
      </span>
    ),
  },
  { title: "Health", width: "146px", cell: (row) => <Status is={standingOf(row)} /> },
  {
    title: "Delivered, 24 h",
    width: "120px",
    isNumber: true,
    cell: ({ counts }) => number(counts?.delivered),
  },
  {
    title: "Dead, 24 h",
    width: "100px",
    isNumber: true,
    cell: ({ counts }) => number(counts?.dead),
  },
  {
    title: "Pending",
    width: "90px",
    isNumber: true,
    cell: ({ counts }) => number(counts?.pending),
  },
];
