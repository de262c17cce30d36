// The attempts in a row, and what comes next.
import { linkTo, paths } from "../../address/links.ts";
import { now } from "../../api/clock.ts";
import type { Output } from "../../api/operations.ts";
import { useInfo } from "../../api/queries.ts";
import { Answer } from "../../parts/deliveries.tsx";
import { Time } from "../../parts/time.tsx";
import { CAUSES, REASONS, wordsOf } from "../../parts/words.ts";

export type DeliveryInfo = Output<"deliveries.info">;

type TimelineProps = { delivery: DeliveryInfo; chosen: number | undefined };

export function Timeline({ delivery, chosen }: TimelineProps) {
  const { id, attempts, attempts_left_out, cause, created_at, status } = delivery;
  return (
    <ol className="timeline" aria-label="Timeline">
      <li>
        <span>{wordsOf(CAUSES, cause)}</span>
        <Time at={created_at} as="clock" />
      </li>
      {attempts_left_out && <li className="dim">Earlier attempts are left out</li>}
      {attempts.map((attempt) => (
        <li key={attempt.id} className={attempt.reason === null ? "is-done" : "is-failed"}>
          <a
            href={linkTo(paths.delivery(id), { attempt: attempt.number })}
            aria-current={attempt.number === chosen ? "true" : undefined}
          >
            Attempt {attempt.number}
          </a>
          <Answer of={attempt} />
          <Time at={attempt.at} as="clock" />
        </li>
      ))}
      <li className={status === "pending" ? "is-coming" : "is-end"}>
        <Coming delivery={delivery} />
      </li>
    </ol>
  );
}

function Coming({ delivery }: { delivery: DeliveryInfo }) {
  const { status, reason, waiting_for: wait, finished_at, next_attempt_at } = delivery;
  const number = delivery.attempts_made + 1;
  if (status !== "pending")
    return (
      <>
        <span>
          {status === "delivered" && "Delivered: nothing more is sent."}
          {status === "dead" && `Dead: ${said(reason)}. Nothing more is sent by itself.`}
          {status === "cancelled" && `Cancelled: ${said(reason)}. Nothing more is sent.`}
        </span>
        {finished_at !== null && <Time at={finished_at} as="clock" />}
      </>
    );
  if (wait === "paused" || wait === "disabled") return <Held delivery={delivery} />;
  if (wait === "order") return `Attempt ${number} waits for earlier deliveries: they go in order.`;
  if (wait === "rate") return `Attempt ${number} waits for the webhook’s rate limit.`;
  if (wait === "cap") return `Attempt ${number} is due; others of its webhook go first.`;
  if (next_attempt_at === null || Date.parse(next_attempt_at) <= now())
    return `Attempt ${number} is due now, or under way.`;
  return (
    <>
      <span>
        Attempt {number} <Time at={next_attempt_at} isComing />
      </span>
      <Time at={next_attempt_at} as="clock" />
    </>
  );
}

const said = (reason: string | null) => wordsOf(REASONS, reason ?? "").toLowerCase();

// Since when it is held, and until when: why_not knows, as it does of whatever did not arrive.
function Held({ delivery: { event_id, webhook_id, waiting_for } }: { delivery: DeliveryInfo }) {
  const { data } = useInfo("events.why_not", { id: event_id, webhook_id });
  const held = data?.data.find((row) => row.held_until !== null);
  return (
    <span>
      Held: its webhook is {waiting_for}
      {held?.since && (
        <>
          {" "}
          since <Time at={held.since} as="clock" />
        </>
      )}
      . It goes when the webhook is resumed
      {held?.held_until && (
        <>
          , and is dropped <Time at={held.held_until} isComing /> otherwise (
          <Time at={held.held_until} as="clock" />)
        </>
      )}
      .
    </span>
  );
}
