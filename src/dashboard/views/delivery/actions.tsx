// What can be done with a delivery: send it again, or end it.
import { Button } from "@mantine/core";

import { goTo, paths } from "../../address/links.ts";
import { now } from "../../api/clock.ts";
import { useAction, useInfo } from "../../api/queries.ts";
import { ConfirmButton } from "../../parts/confirm.tsx";
import { say } from "../../parts/notices.tsx";
import { Failed } from "../../parts/states.tsx";
import { useMay } from "../../session/session.ts";
import type { DeliveryInfo } from "./timeline.tsx";

export function DeliveryActions({ delivery }: { delivery: DeliveryInfo }) {
  const { id, status } = delivery;
  const may = useMay();
  const retry = useAction("deliveries.retry");
  const cancel = useAction("deliveries.cancel");
  const whyNot = useWhyNot(delivery);
  if (!may("manage")) return null;
  const isPending = status === "pending";
  const label = isPending ? "Send now" : "Send again";
  const send = async () => {
    const made = await retry.run({ id });
    if (!made) return undefined;
    say(made.id === id ? "It is due now" : "Sent again: this is the new delivery");
    if (made.id !== id) goTo(paths.delivery(made.id));
    return made;
  };
  return (
    <>
      {retry.failure && status !== "delivered" && <Failed failure={retry.failure} />}
      {whyNot && <span className="why-not dim">{whyNot}</span>}
      {status === "delivered" ? (
        <ConfirmButton
          label={label}
          title="It was delivered"
          whyNot={whyNot}
          failure={retry.failure}
          onOpen={retry.reset}
          onConfirm={send}
        >
          <p>Its receiver has answered that it has this event. Sent again, it gets it twice.</p>
        </ConfirmButton>
      ) : (
        <Button
          size="xs"
          disabled={whyNot !== null}
          title={whyNot ?? undefined}
          loading={retry.isRunning}
          onClick={() => void send()}
        >
          {label}
        </Button>
      )}
      {isPending && (
        <ConfirmButton
          label="Cancel delivery"
          title="Cancel this delivery"
          isDangerous
          failure={cancel.failure}
          onOpen={cancel.reset}
          onConfirm={() => cancel.run({ id })}
        >
          <p>Nothing more is sent of it. An attempt that is under way is recorded.</p>
        </ConfirmButton>
      )}
    </>
  );
}

/** Why it can't be sent now; null: it can. */
function useWhyNot({ status, waiting_for, next_attempt_at, event_id, webhook_id }: DeliveryInfo) {
  const isOver = status !== "pending";
  const event = useInfo("events.info", { id: event_id }, { when: isOver });
  const webhook = useInfo("webhooks.info", { id: webhook_id }, { when: isOver });
  if (!isOver) {
    if (waiting_for === "paused") return "Held: its webhook is paused";
    if (waiting_for === "disabled") return "Held: its webhook is disabled";
    if (waiting_for === "retry") return null;
    const isDue = next_attempt_at === null || Date.parse(next_attempt_at) <= now();
    return waiting_for === null && isDue ? "In flight, or about to be" : "It waits its turn";
  }
  if (webhook.failure?.status === 404) return "Its webhook was deleted";
  if (webhook.data?.status === "Unsubscribed") return "Its webhook is unsubscribed";
  if (event.data?.payload_text === null) return "Its payload is gone";
  return null;
}
