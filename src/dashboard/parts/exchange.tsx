// An attempt: what was sent and what came back, side by side, each as it was.
import type { ReactNode } from "react";

import type { Output } from "../api/operations.ts";
import { Payload } from "./payload.tsx";
import { Status } from "./status.tsx";
import { duration, Time } from "./time.tsx";
import { visible } from "./text.ts";
import "./exchange.css";

export type Attempt = Output<"webhooks.test">;

const BODY_IS: Record<Attempt["body_is"], string> = {
  as_sent: "as sent: its SHA-256 is that of the bytes that went out",
  rebuilt: "made again from the payload: not proved to be what went out",
  gone: "gone: the payload was erased, or is past its retention",
};

/** One word for how it ended. */
export function outcomeOf({ status, reason }: Pick<Attempt, "status" | "reason">): string {
  if (reason === null) return "delivered";
  return status === null ? reason : `${status} ${reason}`;
}

export function Exchange({ attempt }: { attempt: Attempt }) {
  const { status, reason, error, address, worker } = attempt;
  return (
    <div className="exchange">
      <p className="exchange-line">
        <Status is={reason === null ? "delivered" : "failed"} />
        <strong>{status === null ? "No answer" : `Answered ${status}`}</strong>
        <span>in {duration(attempt.duration_ms)}</span>
        <Time at={attempt.at} as="precise" />
        <span className="dim">
          {address ? `${address}, ` : ""}worker {worker}
        </span>
      </p>
      {error && <p className="stranger exchange-error">{visible(error)}</p>}
      <div className="exchange-sides">
        <Side title="Request" headers={attempt.request_headers}>
          <p className="mono stranger exchange-url">POST {visible(attempt.url)}</p>
          {attempt.request_body !== null && (
            <Payload text={attempt.request_body} what="the request’s body" />
          )}
          <p className="dim">
            The body is {BODY_IS[attempt.body_is]}
            {attempt.body_sha256 && (
              <>
                {" "}
                (<code className="exchange-hash">{attempt.body_sha256}</code>)
              </>
            )}
            .
          </p>
        </Side>
        <Side title="Answer" headers={attempt.response_headers}>
          {attempt.response_body === "" ? (
            <p className="dim">{status === null ? "There was none." : "It has no body."}</p>
          ) : (
            <Payload text={attempt.response_body} what="the answer’s body" />
          )}
        </Side>
      </div>
    </div>
  );
}

type SideProps = { title: string; headers: Record<string, string>; children: ReactNode };

function Side({ title, headers, children }: SideProps) {
  const lines = Object.entries(headers);
  return (
    <section className="exchange-side">
      <h3>{title}</h3>
      {children}
      {lines.length > 0 && (
        <dl className="exchange-headers" tabIndex={0} aria-label={`${title}, headers`} role="group">
          {lines.map(([name, value]) => (
            <div key={name}>
              <dt>{visible(name)}</dt>
              <dd className="stranger">{visible(value)}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
