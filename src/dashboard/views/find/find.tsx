// What a text stands for.
import { useEffect } from "react";

import { useFilters } from "../../address/filters.ts";
import { go } from "../../address/hash.ts";
import { addressOf, paths, type Query } from "../../address/links.ts";
import { listOf } from "../../api/list.ts";
import type { Output } from "../../api/operations.ts";
import { useInfo } from "../../api/queries.ts";
import { Away } from "../../parts/away.tsx";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { Stranger } from "../../parts/stranger.tsx";
import { Table, type Column } from "../../parts/table.tsx";
import { View } from "../../parts/view.tsx";

type Found = Output<"find">["data"][number];

const KINDS: Record<Found["kind"], string> = {
  event: "Event",
  delivery: "Delivery",
  attempt: "Attempt",
  replay: "Replay",
  key: "Key",
  webhook: "Webhook",
  channel: "Channel",
  event_type: "Event type",
};

const COLUMNS: Column<Found>[] = [
  { title: "Kind", width: "110px", cell: ({ kind }) => KINDS[kind] },
  { title: "Id", width: "46%", cell: ({ id }) => <Stranger text={id} isMono /> },
];

/** Where it is seen. */
function addressOfFound({ kind, id, delivery_id, tenant }: Found): string {
  const at = (path: string, query: Query = {}) => addressOf(path, query, tenant);
  switch (kind) {
    case "event":
      return at(paths.event(id));
    case "delivery":
      return at(paths.delivery(id));
    case "attempt":
      return at(paths.delivery(delivery_id ?? ""));
    case "replay":
      return at(paths.replay(id));
    case "key":
      return at(paths.keys);
    case "webhook":
      return at(paths.webhook(id));
    case "channel":
      return at(paths.deliveries, { channel: id });
    case "event_type":
      return at(paths.eventType(id));
  }
}

export default function Find() {
  const q = useFilters(["q"]).get("q");
  const { data, failure, isLoading, retry } = useInfo("find", { q }, { when: q !== "" });
  const found = data?.data ?? [];
  const only = found.length === 1 ? found[0] : undefined;
  // An id stands for one thing, and whoever has it wants to see that.
  const leadsTo = only && only.id === q ? addressOfFound(only) : undefined;
  useEffect(() => {
    if (leadsTo !== undefined) go(leadsTo, { replace: true });
  }, [leadsTo]);
  return (
    <View title="Found">
      {q === "" && <Empty title="Type into the box above what you look for" />}
      {isLoading && <Loading what="Looking" />}
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      <Away cells={data?.away} />
      {data && found.length === 0 && (
        <Empty title="Nothing is called so">
          <p>
            Nothing has <Stranger text={q} /> as its id, idempotency key, external id or channel, or
            in its name, URL or type.
          </p>
        </Empty>
      )}
      {found.length > 0 && leadsTo === undefined && (
        <Table
          label="found"
          list={listOf(found)}
          columns={COLUMNS}
          linkTitle="Name"
          link={(row) => ({
            href: `#${addressOfFound(row)}`,
            text: <Stranger text={row.label ?? row.id} />,
          })}
        />
      )}
    </View>
  );
}
