// The last handler: whatever was thrown becomes the contract's error shape.
import type { ErrorRequestHandler, RequestHandler, Response } from "express";

import { sleep } from "../kernel/clock.ts";
import type { PosthornError } from "../kernel/errors.ts";
import { isDatabaseAbsent } from "../kernel/faults.ts";
import type { Log } from "../kernel/log.ts";
import { callerError } from "../rpc/errors.ts";
import { unknownOperation } from "../rpc/unknown-operation.ts";
import { errorBody } from "./answer.ts";
import { operationLogged } from "./log-requests.ts";
import { idOfAnswer } from "./request-id.ts";

const TOO_MANY_REQUESTS = 429;
const REFUSAL_MS = 250; // a quarter of the shortest Retry-After

/** Answers errors; those that are ours to mend go to the log with their cause. */
export function errorHandler(log: Log): ErrorRequestHandler {
  return async (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = callerError(thrown);
    const request_id = idOfAnswer(response);
    logFault(log, error, { operation: operationLogged(request), request_id });
    await beforeRefusal(error.status);
    setErrorHeaders(response, [error]);
    response.status(error.status).json(errorBody(error, request_id));
  };
}

/** Lets a caller that is asked to come again later wait for that: who does not heed it, and asks again at once, costs a part of that. */
export async function beforeRefusal(status: number): Promise<void> {
  if (status === TOO_MANY_REQUESTS) await sleep(REFUSAL_MS);
}

/** Logs an error that is ours: that the database is away is said once, not for each who asks meanwhile. */
export function logFault(
  log: Log,
  error: PosthornError,
  request: { operation: string; request_id: string },
): void {
  if (error.status < 500) return;
  const err = error.cause ?? error;
  log[isDatabaseAbsent(err) ? "debug" : "error"](
    { err, ...request, code: error.code },
    error.message,
  );
}

/** Sets what an answer's errors say in headers: of those of a batch, the longest time to wait. */
export function setErrorHeaders(response: Response, errors: readonly PosthornError[]): void {
  const retryAfterS = Math.max(0, ...errors.map((error) => error.retryAfterS ?? 0));
  if (retryAfterS > 0) response.set("Retry-After", String(retryAfterS));
  if (errors.some(({ status }) => status === 401)) response.set("WWW-Authenticate", "Bearer");
}

/** Where nothing else has answered. */
export const notFound: RequestHandler = (request) => {
  throw unknownOperation(request.path.slice(1));
};
