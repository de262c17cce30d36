// The webhooks, with how they stand and how they fared lately.
import { Button, NativeSelect, TextInput } from "@mantine/core";
import { useState } from "react";

import { useFilters } from "../../address/filters.ts";
import { linkTo, paths } from "../../address/links.ts";
import { useList } from "../../api/list.ts";
import { useInfo } from "../../api/queries.ts";
import { ListView } from "../../parts/list-view.tsx";
import { Empty } from "../../parts/states.tsx";
import { View } from "../../parts/view.tsx";
import { useMay } from "../../session/session.ts";
import { webhookColumns } from "./columns.tsx";
import { calledOf, type ListedWebhook } from "./webhook.ts";

const FILTERS = ["q", "health", "status", "channel", "sort"] as const;

export default function Webhooks() {
  const filters = useFilters(FILTERS);
  const may = useMay();
  const [isHeld, setHeld] = useState(false);
  const list = useList(
    "webhooks.list",
    {
      q: filters.given("q"),
      health: filters.given("health") as ListedWebhook["health"] | undefined,
      status: filters.given("status") as ListedWebhook["status"] | undefined,
      channel: filters.given("channel"),
      sort: filters.get("sort") === "trouble" ? "trouble" : "newest",
      with_counts: true,
    },
    { isHeld },
  );
  const ids = [...new Set(list.around.map(({ id }) => id))];
  const { data: stats } = useInfo(
    "stats.webhooks",
    { ids, bucket_s: 3_600 },
    { when: ids.length > 0, slowly: true, keepsPrevious: true },
  );
  const create = may("whole") && (
    <Button component="a" size="xs" href={linkTo(paths.newWebhook)}>
      New webhook
    </Button>
  );
  return (
    <View title="Webhooks" actions={create}>
      <div className="filters">
        <TextInput
          label="Name, URL or id"
          size="xs"
          value={filters.get("q")}
          onChange={(event) => filters.set({ q: event.currentTarget.value })}
        />
        <NativeSelect
          label="Health"
          size="xs"
          value={filters.get("health")}
          onChange={(event) => filters.set({ health: event.currentTarget.value })}
          data={[{ value: "", label: "Any" }, "ok", "failing", "disabled"]}
        />
        <NativeSelect
          label="Status"
          size="xs"
          value={filters.get("status")}
          onChange={(event) => filters.set({ status: event.currentTarget.value })}
          data={[{ value: "", label: "Any" }, "Subscribed", "Unsubscribed"]}
        />
        <TextInput
          label="Channel"
          size="xs"
          value={filters.get("channel")}
          onChange={(event) => filters.set({ channel: event.currentTarget.value })}
        />
        <NativeSelect
          label="First"
          size="xs"
          value={filters.get("sort")}
          onChange={(event) => filters.set({ sort: event.currentTarget.value })}
          data={[
            { value: "", label: "The newest" },
            { value: "trouble", label: "Those in trouble" },
          ]}
        />
      </div>
      <ListView
        what="webhooks"
        list={list}
        filters={filters}
        columns={webhookColumns(stats)}
        linkTitle="Name"
        linkWidth="18%"
        link={(row) => ({
          href: linkTo(paths.webhook(row.id), {}, row.tenant),
          text: <span className="stranger">{calledOf(row)}</span>,
        })}
        onScrolled={setHeld}
        empty={
          <Empty title="No webhooks yet" action={create}>
            A webhook is an address that your events are sent to, signed and tried again until it
            answers.
          </Empty>
        }
      />
    </View>
  );
}
