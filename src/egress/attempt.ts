// One request on the wire, until the first of its many possible ends.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";

import type { Request } from "got";

import { SECOND } from "../kernel/duration.ts";
import { watchConnection } from "./connection.ts";
import { RESPONSE_BYTES_MAX, type Answered, type Failed } from "./exchange.ts";
import { addressOf, deadlineFailure, failureOf, isClosedByPeer, type Failure } from "./failure.ts";

// The status decides and the body only helps to debug, so a slow body must not hold a slot until the deadline.
const BODY_GRACE_MS = SECOND;

const INTERIM_ANSWERS_MAX = 32; // 100 and 103; a flood of them would keep a processor busy until the deadline

export type Attempt =
  | Omit<Answered, "durationMs">
  | Omit<Failed, "durationMs">
  /** The receiver closed a kept-alive socket before the first byte of an answer: send again over a new one. */
  | { kind: "stale" };

/** Follows a request that got has just begun, and destroys it unless it ended by itself; never rejects. */
export function followAttempt(
  request: Request,
  timeoutMs: number,
  closing: AbortSignal,
): Promise<Attempt> {
  return new Promise((resolve) => {
    const connection = watchConnection(request);
    const chunks: Buffer[] = [];
    let bytes = 0;
    let answer: Pick<IncomingMessage, "statusCode" | "headers"> | undefined;
    let interimAnswers = 0;
    let grace: NodeJS.Timeout | undefined;
    let isSettled = false;

    // Independent of got's timers, which go with the request when node hands a 101 to the upgrade event.
    const deadline = setTimeout(() => cut(deadlineFailure(connection.phase, timeoutMs)), timeoutMs);
    const stop = () => cut({ reason: "connect", error: "the service is stopping" });
    closing.addEventListener("abort", stop, { once: true });

    function settle(attempt: Attempt): void {
      isSettled = true;
      clearTimeout(deadline);
      clearTimeout(grace);
      closing.removeEventListener("abort", stop);
      resolve(attempt);
    }
    function settleAs(failure: Failure, address = connection.address): void {
      if (isSettled) return;
      if (answer === undefined) return settle({ kind: "failed", ...failure, address });
      const { statusCode: status = 0, headers } = answer;
      const body = Buffer.concat(chunks, Math.min(bytes, RESPONSE_BYTES_MAX));
      settle({ kind: "answered", status, headers: flatten(headers), body, address });
    }
    function cut(failure: Failure): void {
      settleAs(failure);
      request.destroy();
    }

    request.on("response", (response: IncomingMessage) => {
      if (isSettled) return;
      answer = response;
      grace = setTimeout(() => cut(CUT), BODY_GRACE_MS);
    });
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > RESPONSE_BYTES_MAX) cut(CUT);
    });
    request.on("upgrade", (response: IncomingMessage) => {
      answer = response;
      cut(CUT); // still in this event: afterwards the socket is no longer the request's to destroy
    });
    request.on("information", () => {
      if (++interimAnswers === INTERIM_ANSWERS_MAX)
        cut({ reason: "connect", error: "the receiver sent interim answers without end" });
    });
    request.on("end", () => settleAs(CUT));
    request.on("error", (error) => {
      if (connection.isUnanswered() && isClosedByPeer(error)) return settle({ kind: "stale" });
      settleAs(failureOf(error, connection.phase), connection.address ?? addressOf(error));
    });
    request.on("close", () => settleAs(CUT)); // of a request that neither ended nor failed
  });
}

const CUT: Failure = { reason: "connect", error: "the connection was cut" };

function flatten(headers: IncomingHttpHeaders): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value = ""] of Object.entries(headers))
    flat[name] = Array.isArray(value) ? value.join(", ") : value;
  return flat;
}
