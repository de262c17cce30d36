// An error of a socket, of TLS or of undici, as a reason and a short text. Only codes are read: messages and
// `options` of such errors may hold headers and bodies.
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

const CONNECT_TEXTS: Record<string, string> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the receiver closed the connection without an answer",
  EHOSTUNREACH: "the host is unreachable",
  ENETUNREACH: "the network is unreachable",
  EPIPE: "the receiver closed the connection without an answer",
  UND_ERR_HEADERS_OVERFLOW: "the answer's headers are too large",
  UND_ERR_SOCKET: "the receiver closed the connection without an answer",
};

const DEADLINE_TEXTS = {
  name: "the name was not resolved",
  connect: "no connection",
  tls: "no TLS handshake",
  answer: "no answer",
};

/** What an error in `phase` means. */
export function failureOf(error: unknown, phase: Phase): Failure {
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
  if (code.startsWith("HPE_") && CONNECT_TEXTS[code] === undefined)
    return { reason: "connect", error: `the answer is not valid HTTP (${code})` };
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

type Fault = { code?: unknown; address?: unknown; cause?: unknown; errors?: unknown };

// The error, its causes, and of several tried addresses the first one's error; the innermost comes last. By shape, not
// by class: node's own errors are of another realm where the code runs in a vm context, as in tests.
function causes(error: unknown, depth = 0): Fault[] {
  if (typeof error !== "object" || error === null || depth > 5) return [];
  const fault: Fault = error;
  const inner = Array.isArray(fault.errors) ? (fault.errors as unknown[])[0] : fault.cause;
  return [fault, ...causes(inner, depth + 1)];
}
