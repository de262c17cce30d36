// The last handler: whatever was thrown becomes the contract's error shape.
import type { ErrorRequestHandler, RequestHandler } from "express";

import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { callerError, unknownOperation } from "../rpc/errors.ts";

/** Answers errors; those that are ours to mend go to the log with their cause. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const { status, message, code, issues, retryAfterS, cause } = callerError(error);
    const err = cause ?? error;
    if (status >= 500)
      log[levelOf(err)]({ err, operation: request.path.slice(0, 200), code }, message);
    if (retryAfterS !== undefined) response.set("Retry-After", String(retryAfterS));
    response.status(status).json({ message, code, ...(issues && { issues }) });
  };
}

/** How an error that is ours is logged: that the database is away is said once, not for each who asks meanwhile. */
export function levelOf(err: unknown): "debug" | "error" {
  return isDatabaseAbsent(err) ? "debug" : "error";
}

/** Where nothing else has answered. */
export const notFound: RequestHandler = (request) => {
  throw unknownOperation(request.path.slice(1));
};
