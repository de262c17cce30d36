// The last handler: whatever was thrown becomes the contract's error shape.
import type { ErrorRequestHandler, RequestHandler } from "express";

import { sleep } from "../kernel/clock.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { callerError, unknownOperation } from "../rpc/errors.ts";

const TOO_MANY_REQUESTS = 429;
const REFUSAL_MS = 250; // a quarter of the shortest Retry-After

/** Answers errors; those that are ours to mend go to the log with their cause. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return async (error: unknown, request, response, next) => {
    if (response.headersSent) return next(error);
    const { status, message, code, issues, retryAfterS, cause } = callerError(error);
    const err = cause ?? error;
    if (status >= 500)
      log[levelOf(err)]({ err, operation: request.path.slice(0, 200), code }, message);
    await beforeRefusal(status);
    if (retryAfterS !== undefined) response.set("Retry-After", String(retryAfterS));
    response.status(status).json({ message, code, ...(issues && { issues }) });
  };
}

/** Lets who is told to come again later wait for that: who does not heed it, and asks again at once, costs a part of that. */
export async function beforeRefusal(status: number): Promise<void> {
  if (status === TOO_MANY_REQUESTS) await sleep(REFUSAL_MS);
}

/** How an error that is ours is logged: that the database is away is said once, not for each who asks meanwhile. */
export function levelOf(err: unknown): "debug" | "error" {
  return isDatabaseAbsent(err) ? "debug" : "error";
}

/** Where nothing else has answered. */
export const notFound: RequestHandler = (request) => {
  throw unknownOperation(request.path.slice(1));
};
