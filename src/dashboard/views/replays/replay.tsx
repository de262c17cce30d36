// One replay: how far it is, the button that stops it, and at the end what has become of it.
import type { ReactNode } from "react";

import { linkTo, paths } from "../../address/links.ts";
import { useAction, useInfo } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { Progress } from "../../parts/progress.tsx";
import { Stale } from "../../parts/stale.tsx";
import { Failed, Loading } from "../../parts/states.tsx";
import { Status } from "../../parts/status.tsx";
import { webhookOf } from "../../parts/deliveries.tsx";
import { Time } from "../../parts/time.tsx";
import { Facts, View } from "../../parts/view.tsx";
import { counted, number } from "../../parts/words.ts";
import { useMay } from "../../session/session.ts";
import { spanOf, type Replay as ReplayInfo } from "./words.tsx";

export default function Replay({ params: { id } }: { params: { id: string } }) {
  const { data, failure, isLoading, retry } = useInfo("replays.info", { id });
  return (
    <View
      title="Replay"
      heading={
        data && (
          <>
            Replay <Status is={data.status} />
          </>
        )
      }
      above={{ href: linkTo(paths.replays), text: "Replays" }}
      actions={data?.status === "running" && <Stop replay={data} />}
    >
      {isLoading && <Loading />}
      {failure && !data && <Failed failure={failure} onRetry={retry} />}
      {data && (
        <>
          <Stale failure={failure} onRetry={retry} />
          <HowFar replay={data} />
        </>
      )}
    </View>
  );
}

function HowFar({ replay }: { replay: ReplayInfo }) {
  const { webhook_id, matched, queued, delivered, dead, cancelled, status, created_at } = replay;
  const { finished_at } = replay;
  const ended = delivered + dead + cancelled;
  const webhook = useInfo("webhooks.info", { id: webhook_id }, { once: true }).data;
  const leftOut =
    replay.left_out.pending + replay.left_out.sent_again + replay.left_out.payload_gone;
  const notComeTo = status === "cancelled" ? Math.max(0, matched - queued - leftOut) : 0;
  const made = (more: Record<string, string>) =>
    linkTo(paths.deliveries, { webhook_id, cause: replay.cause, since: created_at, ...more });
  const facts: [string, ReactNode][] = [
    [
      "Webhook",
      <a key="webhook" href={linkTo(paths.webhook(webhook_id))}>
        {webhookOf({ webhook_id, webhook_name: webhook?.name ?? null })}
      </a>,
    ],
    ["What", spanOf(replay)],
    ["Begun", <Time key="begun" at={created_at} as="clock" />],
  ];
  if (finished_at !== null) facts.push(["Ended", <Time key="ended" at={finished_at} as="clock" />]);
  return (
    <>
      <Progress
        label="Sent again and ended"
        value={status === "running" ? ended : matched}
        max={matched}
        text={
          status === "running"
            ? `${number(ended)} of ${counted(matched, "event")} through`
            : status === "done"
              ? `Through: ${counted(queued, "event")} sent again`
              : `Stopped: ${counted(queued, "event")} of ${number(matched)} sent again`
        }
      />
      <Facts facts={facts} />
      <Facts
        isNarrow
        facts={[
          [
            "Sent again",
            <a key="all" href={made({})}>
              {number(queued)}
            </a>,
          ],
          [
            "Delivered",
            <a key="delivered" href={made({ status: "delivered" })}>
              {number(delivered)}
            </a>,
          ],
          [
            "Dead",
            <a key="dead" href={made({ status: "dead" })}>
              {number(dead)}
            </a>,
          ],
          [
            "Cancelled",
            <a key="cancelled" href={made({ status: "cancelled" })}>
              {number(cancelled)}
            </a>,
          ],
          ["Left out", number(leftOut)],
        ]}
      />
      <LeftOut counts={replay.left_out} />
      {notComeTo > 0 && (
        <p className="dim">It was stopped before it came to {counted(notComeTo, "event")}.</p>
      )}
    </>
  );
}

const REASONS = {
  pending: "on the way already",
  sent_again: "sent again since by something else",
  payload_gone: "without a payload, which was erased or is past its retention",
};

function LeftOut({ counts }: { counts: ReplayInfo["left_out"] }) {
  const reasons = (["pending", "sent_again", "payload_gone"] as const)
    .filter((reason) => counts[reason] > 0)
    .map((reason) => `${number(counts[reason])} ${REASONS[reason]}`);
  return reasons.length > 0 && <p className="dim">Left out: {reasons.join("; ")}.</p>;
}

function Stop({
  replay: { id, matched, queued, delivered, dead, cancelled },
}: {
  replay: ReplayInfo;
}) {
  const may = useMay();
  const stop = useAction("replays.cancel");
  if (!may("manage")) return null;
  const pending = Math.max(0, queued - delivered - dead - cancelled);
  return (
    <ConfirmButton
      label="Stop"
      title="Stop this replay"
      isDangerous
      failure={stop.failure}
      onOpen={stop.reset}
      onConfirm={() => stop.run({ id })}
    >
      <p>
        {counted(Math.max(0, matched - queued), "event")} more would be sent and are not, and{" "}
        {counted(pending, "delivery")} that {pending === 1 ? "is" : "are"} pending{" "}
        {pending === 1 ? "ends" : "end"} as cancelled. What has arrived has arrived.
      </p>
    </ConfirmButton>
  );
}
