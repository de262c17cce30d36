// Which methods a path takes: the 405 of all others.
import type { RequestHandler, Response } from "express";

import { PosthornError } from "../kernel/errors.ts";

/** Answers what is read with GET when it comes by another method. */
export const onlyRead: RequestHandler = (request, response, next) => {
  if (request.method === "GET" || request.method === "HEAD") return next();
  throw methodNotAllowed(response, request.method, ["GET", "HEAD"]);
};

/** The 405, with its `Allow`. */
export function methodNotAllowed(
  response: Response,
  found: string,
  allowed: readonly string[],
): PosthornError {
  response.set("Allow", allowed.join(", "));
  return new PosthornError(
    "method_not_allowed",
    `${allowed.join(" and ")} can be taken here, ${found} was found`,
  );
}
