// /trpc: the same procedures for tRPC clients.
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import type { RequestHandler } from "express";

import type { Log } from "../kernel/log.ts";
import { asTrpcError, callerError } from "../rpc/errors.ts";
import { appRouter } from "../rpc/router.ts";
import { ANY_BODY_BYTES_MAX } from "./body.ts";
import type { Doors } from "./dot-endpoints.ts";

const BATCH_MAX = 20; // calls in one request: a page of a dashboard makes fewer

/** Serves tRPC; reads go by GET or POST, keys in headers only. */
export function trpcEndpoint({ authenticate, createContext }: Doors, log: Log): RequestHandler {
  return createExpressMiddleware({
    router: appRouter,
    allowMethodOverride: true,
    maxBatchSize: BATCH_MAX,
    maxBodySize: ANY_BODY_BYTES_MAX,
    createContext: async ({ req }) => {
      try {
        return createContext(await authenticate(req));
      } catch (error) {
        throw asTrpcError(error);
      }
    },
    responseMeta: ({ errors }) => {
      const waitsS = errors.map((error) => callerError(error).retryAfterS ?? 0);
      const retryAfterS = Math.max(0, ...waitsS); // of a batch, the longest
      return retryAfterS === 0 ? {} : { headers: { "retry-after": String(retryAfterS) } };
    },
    onError: ({ error, path }) => {
      const { status, cause, code, message } = callerError(error);
      if (status >= 500) log.error({ err: cause ?? error, operation: path, code }, message);
    },
  });
}
