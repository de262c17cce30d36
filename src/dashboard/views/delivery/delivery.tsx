// One delivery: what has happened to it, what comes next, what was sent and what came back.
import { useFilters } from "../../address/filters.ts";
import { linkTo, paths } from "../../address/links.ts";
import { listOf } from "../../api/list.ts";
import { useInfo } from "../../api/queries.ts";
import { Copy } from "../../parts/copy.tsx";
import { deliveryColumns, webhookOf } from "../../parts/deliveries.tsx";
import { Stale } from "../../parts/stale.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { Stranger } from "../../parts/stranger.tsx";
import { Table } from "../../parts/table.tsx";
import { Time } from "../../parts/time.tsx";
import { Facts, Section, View } from "../../parts/view.tsx";
import { CAUSES, wordsOf } from "../../parts/words.ts";
import { DeliveryActions } from "./actions.tsx";
import { AttemptView } from "../../parts/attempt.tsx";
import "./delivery.css";
import { Timeline, type DeliveryInfo } from "./timeline.tsx";

const SIBLINGS = deliveryColumns("status", "answer", "attempts", "next", "made");

export default function Delivery({ params: { id } }: { params: { id: string } }) {
  const { data, failure, isLoading, retry } = useInfo("deliveries.info", { id });
  const title = data ? `${data.type} to ${data.webhook_name ?? "a webhook"}` : "Delivery";
  return (
    <View
      title={title}
      heading={
        data && (
          <>
            {data.type} <Status is={data.status} />
          </>
        )
      }
      above={{ href: linkTo(paths.deliveries), text: "Deliveries" }}
      actions={data && <DeliveryActions key={id} delivery={data} />}
    >
      {isLoading && <Loading />}
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {data && (
        <>
          <Stale failure={failure} onRetry={retry} />
          <DeliveryFacts delivery={data} />
          <Body delivery={data} />
        </>
      )}
    </View>
  );
}

function DeliveryFacts({ delivery }: { delivery: DeliveryInfo }) {
  const { id, event_id, webhook_id, channel, sequence, cause, created_at } = delivery;
  return (
    <Facts
      facts={[
        [
          "Webhook",
          <a key="webhook" href={linkTo(paths.webhook(webhook_id))}>
            {webhookOf(delivery)}
          </a>,
        ],
        [
          "Event",
          <a key="event" className="mono" href={linkTo(paths.event(event_id))}>
            {event_id}
          </a>,
        ],
        [
          "Delivery",
          <span key="id" className="with-copy">
            <span className="mono">{id}</span> <Copy text={id} what="the delivery’s id" isQuiet />
          </span>,
        ],
        ["Channel", channel === null ? "none" : <Stranger key="channel" text={channel} />],
        ["Webhook-Sequence", sequence ?? "none yet"],
        ["Cause", wordsOf(CAUSES, cause)],
        ["Made", <Time key="made" at={created_at} as="clock" />],
      ]}
    />
  );
}

function Body({ delivery }: { delivery: DeliveryInfo }) {
  const filters = useFilters(["attempt"]);
  const { id, attempts, siblings, siblings_left_out: leftOut, event_id, webhook_id } = delivery;
  const wanted = Number(filters.get("attempt"));
  const attempt = attempts.find(({ number }) => number === wanted) ?? attempts.at(-1);
  const others = siblings.filter((sibling) => sibling.id !== id);
  return (
    <>
      <Section title="Timeline">
        <Timeline delivery={delivery} chosen={attempt?.number} />
      </Section>
      {attempt && <AttemptView key={attempt.id} attempt={attempt} />}
      {others.length > 0 && (
        <Section
          title="Of the same event to the same webhook"
          actions={
            leftOut && (
              <a href={linkTo(paths.deliveries, { event_id, webhook_id })}>All deliveries</a>
            )
          }
        >
          <Table
            label="siblings"
            list={listOf(others)}
            columns={SIBLINGS}
            linkTitle="Delivery"
            linkWidth="30%"
            link={(row) => ({
              href: linkTo(paths.delivery(row.id)),
              text: wordsOf(CAUSES, row.cause),
            })}
          />
        </Section>
      )}
    </>
  );
}
