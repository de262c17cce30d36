// One request and what came of it, as a value.

/** What to send. `body` goes out byte for byte; the deadline covers name, connection, TLS, headers and body. */
export type EgressRequest = {
  url: string;
  headers: Record<string, string>;
  body: Buffer;
  timeoutMs: number;
  /** Refuses http, for a webhook whose preset or operator demands https. */
  httpsOnly?: boolean;
};

/**
 * Asked before a request goes out a second time, where a kept socket has closed without an answer: whether it may still be sent.
 */
export type MayResend = () => Promise<boolean>;

/** A status line was seen: the receiver has answered, whatever became of the rest. */
export type Answered = {
  kind: "answered";
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  address: string | null;
  durationMs: number;
  /** How long after its start the request went out a second time, if it did; the other members are those of that one. */
  resentMs: number | null;
};

/** No status line was seen; `reason` is the phase that failed, `error` a short text without secrets. */
export type Failed = {
  kind: "failed";
  reason: "dns" | "connect" | "tls" | "timeout" | "policy";
  error: string;
  address: string | null;
  durationMs: number;
  resentMs: number | null;
};

export type Exchange = Answered | Failed;

export const RESPONSE_BYTES_MAX = 16 * 1024; // enough to debug with, too little to exhaust memory
