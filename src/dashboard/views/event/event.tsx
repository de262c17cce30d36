// One event: its payload, where it went and what became of it there, and where it did not go and why.
import { linkTo, paths } from "../../address/links.ts";
import { listOf } from "../../api/list.ts";
import type { Output } from "../../api/operations.ts";
import { useAction, useInfo } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Copy } from "../../parts/copy.tsx";
import { deliveryColumns, webhookOf } from "../../parts/deliveries.tsx";
import { Payload } from "../../parts/payload.tsx";
import { Stale } from "../../parts/stale.tsx";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { Stranger } from "../../parts/stranger.tsx";
import { Table } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { Facts, Section, View } from "../../parts/view.tsx";
import { number } from "../../parts/words.ts";
import { useMay } from "../../session/session.ts";
import { WhyNot } from "./why-not.tsx";

type EventInfo = Output<"events.info">;

const WENT_TO = deliveryColumns("status", "answer", "attempts", "next", "made");

export default function Event({ params: { id } }: { params: { id: string } }) {
  const { data, failure, isLoading, retry } = useInfo("events.info", { id });
  return (
    <View
      title={data ? `${data.type} ${id}` : "Event"}
      heading={data?.type}
      above={{ href: linkTo(paths.events), text: "Events" }}
      actions={data && <Erase id={id} isGone={data.payload_text === null} />}
    >
      {isLoading && <Loading />}
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {data && (
        <>
          <Stale failure={failure} onRetry={retry} />
          <EventFacts event={data} />
          <WentTo event={data} />
          <WhyNot id={id} />
          <Section title="Payload">
            {data.payload_text === null ? (
              <Empty title="The payload is gone">It was erased, or is past its retention.</Empty>
            ) : (
              <Payload text={data.payload_text} what="the payload" isJson />
            )}
          </Section>
        </>
      )}
    </View>
  );
}

function EventFacts({ event: { id, channel, timestamp, created_at } }: { event: EventInfo }) {
  return (
    <Facts
      facts={[
        [
          "Event",
          <span key="id" className="with-copy">
            <span className="mono">{id}</span> <Copy text={id} what="the event’s id" isQuiet />
          </span>,
        ],
        ["Channel", channel === null ? "none" : <Stranger key="channel" text={channel} />],
        ["Published", <Time key="created" at={created_at} as="clock" />],
        ["Happened", <Time key="happened" at={timestamp} as="clock" />],
      ]}
    />
  );
}

function WentTo({ event: { id, deliveries, deliveries_left_out } }: { event: EventInfo }) {
  return (
    <Section
      title={`Went to${deliveries.length > 0 ? ` (${number(deliveries.length)}${deliveries_left_out ? " newest" : ""})` : ""}`}
      actions={
        deliveries_left_out && (
          <a href={linkTo(paths.deliveries, { event_id: id })}>All its deliveries</a>
        )
      }
    >
      {deliveries.length === 0 ? (
        <p className="dim">No webhook took it in.</p>
      ) : (
        <Table
          label="deliveries"
          list={listOf(deliveries)}
          columns={WENT_TO}
          linkTitle="Webhook"
          linkWidth="30%"
          link={(row) => ({ href: linkTo(paths.delivery(row.id)), text: webhookOf(row) })}
        />
      )}
    </Section>
  );
}

function Erase({ id, isGone }: { id: string; isGone: boolean }) {
  const may = useMay();
  const erase = useAction("events.erase");
  if (!may("whole")) return null;
  return (
    <ConfirmButton
      label="Erase"
      title="Erase this event"
      isDangerous
      whyNot={isGone ? "Its payload is gone already" : null}
      failure={erase.failure}
      onOpen={erase.reset}
      onConfirm={() => erase.run({ id })}
    >
      <p>
        Its payload and all kept answers to it are blanked for good, and its pending deliveries are
        cancelled. Ids, hashes and outcomes stay. This can’t be undone.
      </p>
    </ConfirmButton>
  );
}
