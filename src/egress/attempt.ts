// One request on the wire, until the first of its many possible ends.
import type { Dispatcher } from "undici";

import type { MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import type { Connection, Outgoing } from "./connection.ts";
import { announcedMs } from "./idle-times.ts";
import { RESPONSE_BYTES_MAX, type Answered, type Exchange } from "./exchange.ts";
import { addressOf, deadlineFailure, failureOf, isClosedByPeer, type Failure } from "./failure.ts";

// The status decides and the body only helps to debug, so a slow body must not hold a slot until the deadline.
const BODY_GRACE_MS = SECOND;

// After the request was written, a receiver's close that has crossed it on the way is seen within this. Later than that it
// may well have been read, and be at work.
const STALE_WITHIN_MS = 250;

export type Attempt = Exchange & {
  /** Whether the receiver closed a kept socket, at once and without a byte of an answer: it may be sent again over a new one. */
  isStale: boolean;
};

/** Ends an attempt before its time, as a failure where no status is in. */
export type Cut = (failure: Failure) => void;

export type AttemptTimes = {
  timeoutMs: number;
  /** Since the request was asked for: an earlier attempt is in it. */
  elapsedMs: () => number;
  /** What it was when this one began, where it is the second. */
  resentMs: number | null;
};

export type AttemptOptions = AttemptTimes & {
  clock: MonotonicClock;
  /** Holds the attempt's `Cut` for as long as it is in flight. */
  inFlight: Set<Cut>;
  /** Called once, whatever happens: the connection may be used again, or has been destroyed. */
  ended: (attempt: Attempt, isReusable: boolean) => void;
};

/** Sends a request over a connection, follows it to its end, and never throws. */
export function makeAttempt(
  connection: Connection,
  request: Outgoing,
  { clock, timeoutMs, elapsedMs, resentMs, inFlight, ended }: AttemptOptions,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let answer: Pick<Answered, "status" | "headers"> | undefined;
  let grace: NodeJS.Timeout | undefined;
  let isSettled = false;
  const sentAt = clock(); // over a kept socket; else there is no second try

  const deadline = setTimeout(() => cut(deadlineFailure(connection.phase, timeoutMs)), timeoutMs);

  function settle(attempt: Attempt, isReusable = false): void {
    isSettled = true;
    inFlight.delete(cut);
    clearTimeout(deadline);
    clearTimeout(grace);
    if (!isReusable) connection.destroy();
    ended(attempt, isReusable);
  }
  function settleAs(failure: Failure, { isReusable = false, isStale = false } = {}): void {
    const { address } = connection;
    const durationMs = elapsedMs();
    if (answer === undefined) {
      const { reason, error } = failure;
      return settle({ kind: "failed", reason, error, address, durationMs, resentMs, isStale });
    }
    const { status, headers } = answer;
    const body = Buffer.concat(chunks, Math.min(bytes, RESPONSE_BYTES_MAX));
    settle(
      { kind: "answered", status, headers, body, address, durationMs, resentMs, isStale },
      isReusable,
    );
  }
  function cut(failure: Failure): void {
    if (!isSettled) settleAs(failure);
  }

  inFlight.add(cut);
  connection.send(request, {
    onRequestStart() {},
    onResponseStart(_, status, headers) {
      if (isSettled) return;
      const { isUpgrade } = connection.head;
      if (status >= 100 && status < 200 && !isUpgrade)
        return cut({ reason: "connect", error: "the receiver sent interim answers without end" });
      connection.announcedMs = announcedMs(headers["keep-alive"]);
      answer = { status: isUpgrade ? 101 : status, headers: flatten(headers) };
      if (status < 200) return cut(CUT); // no body follows that could be told apart from the next answer
      grace = setTimeout(() => cut(CUT), BODY_GRACE_MS);
    },
    onResponseData(_, chunk) {
      if (isSettled) return;
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > RESPONSE_BYTES_MAX) cut(CUT);
    },
    onResponseEnd() {
      if (!isSettled) settleAs(CUT, { isReusable: true });
    },
    onResponseError(_, error) {
      if (isSettled) return;
      const isUnanswered = connection.isReused && !connection.head.hasBegun;
      const isAtOnce = clock() - sentAt <= STALE_WITHIN_MS;
      connection.address ??= addressOf(error);
      settleAs(failureOf(error, connection.phase, connection.head.stranger), {
        isStale: isUnanswered && isAtOnce && isClosedByPeer(error),
      });
    },
  });
}

const CUT: Failure = { reason: "connect", error: "the connection was cut" };

type Headers = Parameters<NonNullable<Dispatcher.DispatchHandler["onResponseStart"]>>[2];

function flatten(headers: Headers): Record<string, string> {
  if (Object.values(headers).every((value) => typeof value === "string"))
    return headers as Record<string, string>;
  // As its own members, whatever they are called: `__proto__` assigned would be lost.
  return Object.fromEntries(
    Object.entries(headers).map(([name, value = ""]) => [
      name,
      Array.isArray(value) ? value.join(", ") : value,
    ]),
  );
}
