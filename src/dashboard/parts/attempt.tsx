// One attempt: what was sent, and what came back, side by side.
import type { ReactNode } from "react";

import { Answer } from "./deliveries.tsx";
import { Copy } from "./copy.tsx";
import { Payload } from "./payload.tsx";
import { Status } from "./status.tsx";
import { Stranger } from "./stranger.tsx";
import { Time } from "./time.tsx";
import { Facts, Section } from "./view.tsx";
import { REASONS, wordsOf } from "./words.ts";
import { curlOf, type Attempt } from "./curl.ts";
import "./attempt.css";
import { Headers } from "./headers.tsx";

const BODIES = {
  as_sent: ["As sent", "good", "SHA-256 is that of the bytes that went out."],
  rebuilt: ["Made again", "warn", "Not proved: nothing was sent, or its SHA-256 is another."],
  gone: ["Gone", "still", "The payload was erased or is past its retention."],
} as const;

type AttemptProps = { attempt: Attempt; title?: string };

export function AttemptView({ attempt, title = `Attempt ${attempt.number}` }: AttemptProps) {
  const { at, resent_at, address, worker, key_version, error, reason, status } = attempt;
  const [body, kind, why] = BODIES[attempt.body_is];
  const facts: [string, ReactNode][] = [
    ["Sent", <Time key="at" at={at} as="precise" />],
    ["Came back", <Answer key="answer" of={attempt} />],
    ["Address", address === null ? "none" : <span className="mono">{address}</span>],
    ["Worker", <Stranger key="worker" text={worker} />],
  ];
  if (key_version !== null) facts.push(["Signed by key", `version ${key_version}`]);
  if (resent_at !== null)
    facts.push(["Sent once more", <Time key="again" at={resent_at} as="precise" />]);
  return (
    <Section
      title={title}
      actions={<Copy text={curlOf(attempt)} what="the request as curl" label="Copy as curl" />}
    >
      <Facts facts={facts} />
      {reason !== null && (error !== null || status === null) && (
        <p className="attempt-error">
          <b>{wordsOf(REASONS, reason)}.</b> {error !== null && <Stranger text={error} />}
        </p>
      )}
      <div className="sides">
        <section className="card" aria-label="Request">
          <h3>Request</h3>
          <p className="attempt-url">
            POST <Stranger text={attempt.url} isMono />
          </p>
          <Headers headers={attempt.request_headers} of="the request" />
          <p className="attempt-proof">
            <Status is={body} kind={kind} /> <span className="dim">{why}</span>
            {attempt.body_sha256 !== null && <code>{attempt.body_sha256}</code>}
          </p>
          {attempt.request_body !== null && (
            <Payload text={attempt.request_body} what="the request’s body" isJson isExact />
          )}
        </section>
        <section className="card" aria-label="Response">
          <h3>Response</h3>
          {status === null ? (
            <p className="dim">Nothing came back.</p>
          ) : (
            <>
              <p className="attempt-url">
                Answered <b>{status}</b>
              </p>
              <Headers headers={attempt.response_headers} of="the response" />
              {attempt.response_body === "" ? (
                <p className="dim">No body</p>
              ) : (
                <Payload
                  text={attempt.response_body}
                  what="the response’s body"
                  isJson={isJson(attempt.response_headers)}
                  isExact
                />
              )}
            </>
          )}
        </section>
      </div>
    </Section>
  );
}

const isJson = (headers: Record<string, string>) =>
  Object.entries(headers).some(
    ([name, value]) => /^content-type$/i.test(name) && /json/i.test(value),
  );
