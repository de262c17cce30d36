// An error of a socket, of TLS or of undici, as a reason and a short text. Only codes are read: messages and
// `options` of such errors may hold headers and bodies.
import type { Stranger } from "./answer-head.ts";
import { Refusal } from "./refusal.ts";
import type { Failed } from "./exchange.ts";

/** How far a request had come. */
export type Phase = "name" | "connect" | "tls" | "answer";

export type Failure = Pick<Failed, "reason" | "error">;

const TLS_TEXTS: Record<string, string> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed: its authority is unknown",
  ERR_TLS_CERT_ALTNAME_INVALID: "the certificate is for another name",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate's authority is unknown",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate's authority is unknown",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate's authority is unknown",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "the certificate's authority is unknown, or an intermediate certificate is not sent along",
};

// OpenSSL's words for an answer that is no TLS; of plain HTTP the first is what it says.
for (const code of ["WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"])
  TLS_TEXTS[`ERR_SSL_${code}`] =
    "the receiver does not speak TLS on this port: is its URL an http: one?";

const STRANGER_TEXTS = {
  TLS: "the receiver speaks TLS on this port: is its URL an https: one?",
  "something else": "what answered on this port does not speak HTTP",
};

const CONNECT_TEXTS: Record<string, string> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the receiver closed the connection without an answer",
  EHOSTUNREACH: "the host is unreachable",
  ENETUNREACH: "the network is unreachable",
  EPIPE: "the receiver closed the connection without an answer",
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too large",
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: "the answer is not valid HTTP: its length does not fit it",
  UND_ERR_SOCKET: "the receiver closed the connection without an answer",
};

const DEADLINE_TEXTS = {
  name: "the name was not resolved",
  connect: "no connection",
  tls: "no TLS handshake",
  answer: "no answer",
};

/** What an error in `phase` means; `stranger` is what answered instead of HTTP, if anything did. */
export function failureOf(error: unknown, phase: Phase, stranger?: Stranger): Failure {
  if (stranger) return { reason: "connect", error: STRANGER_TEXTS[stranger] };
  const refusal = causes(error).find((cause) => cause instanceof Refusal);
  if (refusal) return { reason: refusal.reason, error: refusal.message };
  const code = codeOf(error);
  if (code === "ETIMEDOUT") return { reason: "timeout", error: `${DEADLINE_TEXTS[phase]} in time` };
  if (phase === "tls" || TLS_TEXTS[code] !== undefined || /^ERR_(SSL|TLS)_/.test(code))
    return { reason: "tls", error: TLS_TEXTS[code] ?? `the TLS handshake failed (${code})` };
  if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED")
    return {
      reason: "policy",
      error: "a header can't be sent: its name, or a character in it, is not allowed",
    };
  const fault = causes(error).find(({ name }) => name === "HTTPParserError");
  if (fault) return { reason: "connect", error: `the answer is not valid HTTP${whyOf(fault)}` };
  return { reason: "connect", error: CONNECT_TEXTS[code] ?? `the connection failed (${code})` };
}

/** What the deadline's passing in `phase` means: while the name is still asked for, it is the name that failed. */
export function deadlineFailure(phase: Phase, timeoutMs: number): Failure {
  const reason = phase === "name" ? "dns" : "timeout";
  return { reason, error: `${DEADLINE_TEXTS[phase]} within ${timeoutMs} ms` };
}

/** Says whether the other side closed the connection. */
export function isClosedByPeer(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].includes(codeOf(error));
}

/** The address that a failed connection was for, where the error tells. */
export function addressOf(error: unknown): string | null {
  const found = causes(error).find(({ address }) => typeof address === "string");
  return (found?.address as string | undefined) ?? null;
}

function codeOf(error: unknown): string {
  const codes = causes(error).map(({ code }) => String(code));
  return codes.findLast((code) => /^[A-Z][A-Z0-9_]+$/.test(code)) ?? "no code";
}

// The parser's own reason, which is one of its fixed texts: the rest of such an error holds what came.
function whyOf({ message }: Fault): string {
  const why = /^Response does not match the HTTP\/1\.1 protocol \(([\w ,/()'-]{1,100})\)$/.exec(
    String(message),
  );
  return why ? ` (${why[1]})` : "";
}

type Fault = {
  name?: unknown;
  message?: unknown;
  code?: unknown;
  address?: unknown;
  cause?: unknown;
  errors?: unknown;
};

// The error, its causes, and of several tried addresses the first one's error; the innermost comes last. By shape, not
// by class: node's own errors are of another realm where the code runs in a vm context, as in tests.
function causes(error: unknown, depth = 0): Fault[] {
  if (typeof error !== "object" || error === null || depth > 5) return [];
  const fault: Fault = error;
  const inner = Array.isArray(fault.errors) ? (fault.errors as unknown[])[0] : fault.cause;
  return [fault, ...causes(inner, depth + 1)];
}
