// Turns whatever a procedure threw into the error that its caller reads: one translation for both faces.
import { TRPCError, type TRPC_ERROR_CODE_KEY } from "@trpc/server";

import { PosthornError, type ErrorCode } from "../kernel/errors.ts";
import { isBeingMoved, isDatabaseAway, isStopping, mayBeDone } from "../kernel/faults.ts";

/**
 * The error for the caller. What is not foreseen becomes `internal_error`, with the cause for the log alone. `whenUnsure` is
 * given for what changes something: what to do where nobody knows whether it did.
 */
export function callerError(error: unknown, whenUnsure?: string): PosthornError {
  if (error instanceof PosthornError) return error;
  if (error instanceof TRPCError) return trpcError(error, whenUnsure);
  if (isBeingMoved(error))
    return new PosthornError(
      "database_unavailable",
      "this tenant is being moved to another cell; nothing was done, try again in a moment",
      { retryAfterS: 1, cause: error },
    );
  if (isDatabaseAway(error)) return awayError(error, whenUnsure);
  return new PosthornError(
    "internal_error",
    "something went wrong here; it is in the service's log",
    { cause: error },
  );
}

/** The same error as tRPC carries it. */
export function asTrpcError(error: unknown, whenUnsure?: string): TRPCError {
  const cause = callerError(error, whenUnsure);
  return new TRPCError({
    code: TRPC_CODE[cause.status] ?? "INTERNAL_SERVER_ERROR",
    message: cause.message,
    cause,
  });
}

const TRPC_CODE: Record<number, TRPC_ERROR_CODE_KEY> = {
  400: "BAD_REQUEST",
  401: "UNAUTHORIZED",
  403: "FORBIDDEN",
  404: "NOT_FOUND",
  405: "METHOD_NOT_SUPPORTED",
  409: "CONFLICT",
  413: "PAYLOAD_TOO_LARGE",
  415: "UNSUPPORTED_MEDIA_TYPE",
  429: "TOO_MANY_REQUESTS",
  503: "SERVICE_UNAVAILABLE",
};

function awayError(cause: unknown, whenUnsure: string | undefined): PosthornError {
  if (isStopping(cause) && !mayBeDone(cause))
    return new PosthornError(
      "database_unavailable",
      "this process is stopping and did not come to the request; nothing was stored, send it again",
      { retryAfterS: 1, cause },
    );
  if (whenUnsure === undefined)
    return new PosthornError(
      "database_unavailable",
      "the database can't be reached or did not answer in time; try again",
      { cause },
    );
  if (mayBeDone(cause))
    return new PosthornError(
      "unsure",
      `the database's answer did not arrive, so this may have been done or not; ${whenUnsure}`,
      { cause },
    );
  return new PosthornError(
    "database_unavailable",
    "the database can't be reached or can't take writes now; nothing was stored, try again",
    { cause },
  );
}

function trpcError(error: TRPCError, whenUnsure: string | undefined): PosthornError {
  const { cause } = error;
  if (cause instanceof PosthornError) return cause;
  if (error.code === "INTERNAL_SERVER_ERROR" && cause !== undefined)
    return callerError(cause, whenUnsure);
  const codes: Partial<Record<TRPC_ERROR_CODE_KEY, ErrorCode>> = {
    PARSE_ERROR: "invalid_request",
    BAD_REQUEST: "invalid_request",
    NOT_FOUND: "unknown_operation",
    METHOD_NOT_SUPPORTED: "method_not_allowed",
    PAYLOAD_TOO_LARGE: "body_too_large",
    UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
  };
  const code = codes[error.code];
  if (code === undefined)
    return new PosthornError(
      "internal_error",
      "something went wrong here; it is in the service's log",
      { cause: error },
    );
  // With a cause tRPC could not read the request, and the text quotes it, where a secret may stand.
  const message =
    cause === undefined ? error.message : "the request can't be read; send its input as JSON";
  return new PosthornError(code, message);
}
