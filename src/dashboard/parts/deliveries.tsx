// What a row says of a delivery: whether it arrived, and if not what came back and what comes next.
import { useNow } from "../api/clock.ts";
import type { Row } from "../api/operations.ts";
import "./deliveries.css";
import { Status } from "./status.tsx";
import { Stranger } from "./stranger.tsx";
import type { Column } from "./table.tsx";
import { duration, Time } from "./time.tsx";
import { REASONS, WAITS, wordsOf } from "./words.ts";

export type Delivery = Row<"deliveries.list">;
type Answered = { status: number | null; reason: string | null; duration_ms: number };

/** What a webhook is called, or how its id begins. */
export function webhookOf(row: { webhook_id: string; webhook_name: string | null }) {
  return row.webhook_name ? (
    <Stranger text={row.webhook_name} />
  ) : (
    <span className="mono dim">{row.webhook_id.slice(0, 8)}…</span>
  );
}

/** The code that came back, or why none did, and after how long. */
export function Answer({ of: { status, reason, duration_ms } }: { of: Answered }) {
  const isGood = reason === null;
  return (
    <span className="answer">
      {status !== null && <b className={isGood ? "is-good" : "is-bad"}>{status}</b>}
      {status === null && reason !== null && (
        <span className="is-bad">{wordsOf(REASONS, reason)}</span>
      )}
      <span className="dim">{duration(duration_ms)}</span>
    </span>
  );
}

/** When it is sent next, or what it waits for. */
function Next({ of: { status, waiting_for, next_attempt_at } }: { of: Delivery }) {
  const now = useNow();
  if (status !== "pending") return null;
  const wait = WAITS[waiting_for ?? ""];
  if (wait) return <span className={wait.startsWith("Held") ? "is-held" : "dim"}>{wait}</span>;
  if (next_attempt_at === null || Date.parse(next_attempt_at) <= now)
    return <span className="dim">due now</span>;
  return <Time at={next_attempt_at} isComing />;
}

const columns = {
  status: {
    title: "Status",
    width: "116px",
    cell: ({ status }) => <Status is={status} />,
  },
  answer: {
    title: "Came back",
    width: "126px",
    cell: ({ last_attempt, reason, status }) =>
      last_attempt ? (
        <Answer of={last_attempt} />
      ) : status !== "pending" && reason ? (
        <span className="dim">{wordsOf(REASONS, reason)}</span>
      ) : null,
  },
  attempts: {
    title: "Attempts",
    width: "84px",
    isNumber: true,
    cell: ({ attempts_made }) => attempts_made || "",
  },
  next: { title: "Next attempt", width: "120px", cell: (row) => <Next of={row} /> },
  webhook: { title: "Webhook", cell: webhookOf },
  channel: {
    title: "Channel",
    cell: ({ channel }) => channel !== null && <Stranger text={channel} />,
  },
  sequence: { title: "Number", width: "90px", isNumber: true, cell: ({ sequence }) => sequence },
  made: { title: "Made", width: "102px", cell: ({ created_at }) => <Time at={created_at} /> },
} satisfies Record<string, Column<Delivery>>;

/** The columns of these names, in this order. */
export function deliveryColumns(...names: (keyof typeof columns)[]): Column<Delivery>[] {
  return names.map((name) => columns[name]);
}
