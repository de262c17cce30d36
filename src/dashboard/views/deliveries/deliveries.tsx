// The deliveries: whether they arrived, and if not what came back and what comes next.
import { Button } from "@mantine/core";
import { useState } from "react";

import { useFilters } from "../../address/filters.ts";
import { linkTo, paths } from "../../address/links.ts";
import { issuesByField } from "../../api/failure.ts";
import { useList } from "../../api/list.ts";
import type { Input } from "../../api/operations.ts";
import { useInfo } from "../../api/queries.ts";
import { BulkActions } from "../../parts/bulk.tsx";
import { deliveryColumns } from "../../parts/deliveries.tsx";
import { ListView } from "../../parts/list-view.tsx";
import { Empty } from "../../parts/states.tsx";
import { View } from "../../parts/view.tsx";
import { useIsEverywhere } from "../../session/session.ts";
import { DeliveryFilters, FIELDS } from "./filters.tsx";

const COLUMNS = deliveryColumns(
  "status",
  "answer",
  "attempts",
  "next",
  "webhook",
  "channel",
  "made",
);

type Wanted = NonNullable<Exclude<Input<"deliveries.list">, void>>;

export default function Deliveries() {
  const filters = useFilters(FIELDS);
  const isEverywhere = useIsEverywhere();
  const [isHeld, setHeld] = useState(false);
  const statuses = filters.given("status")?.split(",");
  const webhookId = filters.given("webhook_id");
  const { data: webhook } = useInfo(
    "webhooks.info",
    { id: webhookId ?? "" },
    { when: webhookId !== undefined && !isEverywhere },
  );
  const list = useList(
    "deliveries.list",
    {
      status: statuses as Wanted["status"],
      type: filters.given("type"),
      event_id: filters.given("event_id"),
      webhook_id: webhookId,
      channel: filters.given("channel"),
      reason: filters.given("reason") as Wanted["reason"],
      response_status: filters.given("response_status"),
      cause: filters.given("cause") as Wanted["cause"],
      sequence: filters.get("sequence") === "" ? undefined : Number(filters.get("sequence")),
      since: filters.given("since"),
      until: filters.given("until"),
      oldest_first: filters.get("order") === "oldest",
    },
    { isHeld },
  );
  return (
    <View
      title="Deliveries"
      actions={
        <>
          {webhook && <BulkActions webhook={webhook} />}
          {!isEverywhere && (
            <Button
              component="a"
              href={linkTo(paths.replays, { webhook_id: webhookId })}
              size="xs"
              variant="default"
            >
              Replays
            </Button>
          )}
        </>
      }
    >
      <DeliveryFilters filters={filters} errors={issuesByField(list.failure, [...FIELDS])} />
      <ListView
        what="deliveries"
        list={list}
        filters={filters}
        columns={COLUMNS}
        linkTitle="Event type"
        link={({ id, type, tenant }) => ({
          href: linkTo(paths.delivery(id), {}, tenant),
          text: type,
        })}
        onScrolled={setHeld}
        empty={
          <Empty
            title="No deliveries yet"
            action={<a href={linkTo(paths.webhooks)}>See the webhooks</a>}
          >
            A delivery is made for each webhook that takes in an event that was published.
          </Empty>
        }
      />
    </View>
  );
}
