// Each request to the API is a line of the log at LOG_LEVEL=debug, with the ids by which it is looked for.
import type { Request, RequestHandler, Response } from "express";

import { monotonic } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Caller } from "../rpc/trpc.ts";
import { idOfAnswer } from "./request-id.ts";

const PATH_LOGGED_MAX = 200; // characters of a path that may be anything

/** What is known of a request's caller, and the ids of what it was answered with. */
type Noted = { caller?: Caller; ids?: string[] };

/** What a request asks for, as lines of the log name it: whatever was asked of, so much of it. */
export function operationLogged({ path }: Request): string {
  return path.slice(1, PATH_LOGGED_MAX);
}

/** Logs each request when its answer has ended, or its caller has gone; costs nothing where nobody reads it. */
export function logRequests(log: Log): RequestHandler {
  return (request, response, next) => {
    if (log.isLevelEnabled("debug")) {
      const startedAt = monotonic();
      const operation = operationLogged(request);
      response.once("close", () => {
        const { caller, ids } = response.locals as Noted;
        log.debug(
          {
            operation,
            ...(response.writableFinished ? { status: response.statusCode } : { cut_off: true }),
            took_ms: Math.round(monotonic() - startedAt),
            request_id: idOfAnswer(response),
            ...(caller && { tenant: caller.tenant, key_id: caller.keyId }),
            ...(ids && { ids }),
          },
          "a request",
        );
      });
    }
    next();
  };
}

/** Notes who calls. */
export function noteCaller(response: Response, caller: Caller): void {
  (response.locals as Noted).caller = caller;
}

/** Notes the id of what an operation has answered with, where it is of one thing. */
export function noteAnswer(response: Response, answer: unknown): void {
  const { id } = Object(answer) as { id?: unknown };
  if (typeof id === "string") ((response.locals as Noted).ids ??= []).push(id);
}
