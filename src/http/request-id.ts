// The name that a request has in its answer, its errors and the log.
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import type { RequestHandler, Response } from "express";

export const REQUEST_ID = "X-Request-Id";

/** Gives each answer its id: the caller's own, or a new one. */
export const nameRequest: RequestHandler = (request, response, next) => {
  response.set(REQUEST_ID, requestIdOf(request.headers));
  next();
};

/** The id that the caller has given, where it is one that a log can hold, else a new one. */
export function requestIdOf(headers: IncomingHttpHeaders = {}): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}

/** The id that an answer has been given. */
export function idOfAnswer(response: Response): string {
  return response.get(REQUEST_ID) ?? "";
}
