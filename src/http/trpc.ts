// /trpc: the same procedures for tRPC clients.
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import type { Request, RequestHandler, Response } from "express";

import { PosthornError } from "../kernel/errors.ts";
import type { Log } from "../kernel/log.ts";
import { asTrpcError, callerError, unknownOperation } from "../rpc/errors.ts";
import { appRouter, OPERATIONS } from "../rpc/router.ts";
import type { Caller } from "../rpc/trpc.ts";
import { readText } from "./body.ts";
import type { Doors } from "./dot-endpoints.ts";

const BATCH_MAX = 20; // calls in one request: a page of a dashboard makes fewer

/** Serves tRPC; reads go by GET or POST, keys in headers only. */
export function trpcEndpoint(
  { authenticate, admit, createContext }: Doors,
  log: Log,
): RequestHandler {
  const serve = createExpressMiddleware({
    router: appRouter,
    allowMethodOverride: true,
    maxBatchSize: BATCH_MAX,
    createContext: async ({ res }) => {
      try {
        return createContext(await (res.locals["caller"] as Promise<Caller>));
      } catch (error) {
        throw asTrpcError(error);
      }
    },
    onError: ({ error, path }) => {
      const { status, cause, code, message } = callerError(error);
      if (status >= 500) log.error({ err: cause ?? error, operation: path, code }, message);
    },
    responseMeta: ({ errors, info }) => {
      const headers = new Headers();
      const waitsS = errors.map((error) => callerError(error).retryAfterS ?? 0);
      const retryAfterS = Math.max(0, ...waitsS); // of a batch, the longest
      if (retryAfterS > 0) headers.set("Retry-After", String(retryAfterS));
      // Where tRPC can't tell what is called, its answer would be JSON that says it is text.
      if (!info) headers.set("Content-Type", "application/json");
      return { headers };
    },
  });

  // What is wrong is told when the context is made, so that tRPC wraps it, once for each call of a batch.
  return async (request, response, next) => {
    if (request.method === "TRACE") return noTrace(response); // fetch's Request, which tRPC makes of it, knows none
    response.type("json"); // tRPC's refusal of a Host that is none has no type of its own
    const caller = judge(request);
    response.locals["caller"] = caller;
    await caller.catch(() => {});
    request.headers["content-type"] = "application/json"; // judged above; tRPC wants it where nothing was sent, too
    serve(request, response, next);
  };

  // The body is read as at the other door: tRPC's own reader takes forms and bytes too, and wants a type of no body.
  async function judge(request: Request): Promise<Caller> {
    request.body = "";
    const names = request.path.slice(1);
    // tRPC calls what follows the last slash, decoded: under another spelling a call would go uncounted.
    if (/[/%]/.test(names)) throw unknownOperation(names);
    const caller = await authenticate(request);
    const reached = names
      .split(",")
      .map((name) => OPERATIONS.get(name)?.meta)
      .filter((meta) => meta?.scopes.includes(caller.scope));
    if (reached.length === 0) return caller; // each call is 403 or 404, which go before all below
    await admit(caller.keyId, reached.length);
    if (request.method === "POST") {
      const isLarge = reached.some((meta) => meta?.largeBody);
      request.body = await readText(request, isLarge);
    }
    return caller;
  }
}

function noTrace(response: Response): never {
  response.set("Allow", "GET, POST");
  throw new PosthornError("method_not_allowed", "/trpc takes GET and POST only, TRACE was found");
}
