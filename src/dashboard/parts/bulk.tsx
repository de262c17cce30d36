// What can be done to many deliveries of a webhook at once: each counts first, and names the number.
import { NativeSelect } from "@mantine/core";
import { useState } from "react";

import { goTo, paths } from "../address/links.ts";
import { now } from "../api/clock.ts";
import type { Input, Output } from "../api/operations.ts";
import { useAction, useCount } from "../api/queries.ts";
import { useMay } from "../session/session.ts";
import { ConfirmButton } from "./confirm.tsx";
import { TimeInput } from "./fields.tsx";
import { say } from "./notices.tsx";
import { Failed } from "./states.tsx";
import { counted } from "./words.ts";

type Webhook = Pick<Output<"webhooks.info">, "id" | "status">;

const DAY_MS = 86_400_000;

/** The buttons, for whoever may manage; without a frame of their own. */
export function BulkActions({ webhook: { id, status } }: { webhook: Webhook }) {
  const may = useMay();
  if (!may("manage")) return null;
  const whyNot = status === "Unsubscribed" ? "It is unsubscribed: nothing can be sent to it" : null;
  return (
    <>
      <Replay id={id} whyNot={whyNot} />
      <RetryDead id={id} whyNot={whyNot} />
      <CancelPending id={id} />
    </>
  );
}

const goToReplay = (started: Output<"webhooks.replay"> | undefined) => {
  if (started?.replay_id) goTo(paths.replay(started.replay_id));
  return started;
};

function Replay({ id, whyNot }: { id: string; whyNot: string | null }) {
  const [openings, setOpenings] = useState(0);
  const [span, setSpan] = useState({ since: "", until: "", status: "dead" });
  const replay = useAction("webhooks.replay");
  const input: Input<"webhooks.replay"> = {
    id,
    since: span.since,
    ...(span.until && { until: span.until }),
    ...(span.status && { status: span.status as "dead" }),
  };
  const count = useCount("webhooks.replay", input, openings);
  const open = () => {
    replay.reset();
    setSpan({ since: new Date(now() - DAY_MS).toISOString(), until: "", status: "dead" });
    setOpenings(openings + 1);
  };
  return (
    <ConfirmButton
      label="Replay"
      title="Send events again"
      whyNot={whyNot}
      count={count.number}
      isReady={count.number > 0}
      failure={replay.failure}
      onOpen={open}
      onConfirm={async () => goToReplay(await replay.run(input))}
    >
      <div className="form">
        <TimeInput
          size="sm"
          label="Published at or after"
          value={span.since}
          onDone={(since) => setSpan({ ...span, since })}
        />
        <TimeInput
          size="sm"
          label="Before (empty: up to now)"
          value={span.until}
          onDone={(until) => setSpan({ ...span, until })}
        />
        <NativeSelect
          label="Those whose newest delivery is"
          value={span.status}
          onChange={(event) => setSpan({ ...span, status: event.currentTarget.value })}
          data={[
            { value: "dead", label: "dead" },
            { value: "delivered", label: "delivered" },
            { value: "cancelled", label: "cancelled" },
            { value: "never", label: "none: it was never sent" },
            { value: "", label: "whatever became of it" },
          ]}
        />
        <CountLine count={count} one="event" willBe="sent again, behind live ones" />
      </div>
    </ConfirmButton>
  );
}

function RetryDead({ id, whyNot }: { id: string; whyNot: string | null }) {
  const [openings, setOpenings] = useState(0);
  const retry = useAction("webhooks.retry_dead");
  const count = useCount("webhooks.retry_dead", { id }, openings);
  return (
    <ConfirmButton
      label="Retry all dead"
      title="Send all that is dead again"
      whyNot={whyNot}
      count={count.number}
      isReady={count.number > 0}
      failure={retry.failure}
      onOpen={() => {
        retry.reset();
        setOpenings(openings + 1);
      }}
      onConfirm={async () => goToReplay(await retry.run({ id }))}
    >
      <CountLine count={count} one="dead event" willBe="sent again, behind live ones" />
    </ConfirmButton>
  );
}

function CancelPending({ id }: { id: string }) {
  const [openings, setOpenings] = useState(0);
  const cancel = useAction("webhooks.cancel_pending");
  const count = useCount("webhooks.cancel_pending", { id }, openings);
  const confirm = async () => {
    const done = await cancel.run({ id });
    if (done) say(`${counted(done.matched, "delivery")} cancelled`);
    return done;
  };
  return (
    <ConfirmButton
      label="Cancel pending"
      title="Cancel all that is pending"
      isDangerous
      count={count.number}
      isReady={count.number > 0}
      failure={cancel.failure}
      onOpen={() => {
        cancel.reset();
        setOpenings(openings + 1);
      }}
      onConfirm={confirm}
    >
      <CountLine count={count} one="pending delivery" willBe="cancelled, held ones too" />
      <p>What is published later is delivered: the webhook stays subscribed.</p>
    </ConfirmButton>
  );
}

type CountLineProps = { count: ReturnType<typeof useCount>; one: string; willBe: string };

function CountLine({ count, one, willBe }: CountLineProps) {
  if (count.failure) return <Failed failure={count.failure} />;
  if (count.isLoading) return <p aria-busy="true">Counting…</p>;
  if (count.number === 0) return <p>There is none.</p>;
  return (
    <p>
      <b>
        {count.isExact ? "" : "At least "}
        {counted(count.number, one)}
      </b>{" "}
      {count.number === 1 ? "is" : "are"} {willBe}.
    </p>
  );
}
