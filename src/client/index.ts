// "posthorn/client": the typed client of the service's /trpc.
// tRPC's types name `Disposable`, which a project's `lib` may lack:
/// <reference lib="esnext.disposable" preserve="true" />
import { createTRPCClient, httpLink, type TRPCClient } from "@trpc/client";

import type { AppRouter } from "../rpc/router.ts";

export type { AppRouter } from "../rpc/router.ts";

export type ClientOptions = {
  /** Where the service listens, like `http://127.0.0.1:8080`. */
  url: string;
  apiKey: string;
  /** The tenant to act for, with an admin key. */
  tenant?: string;
};

/**
 * A client whose calls and answers have the service's own types. A refused call throws a `TRPCClientError` whose
 * `data` holds `httpStatus`, `error_code` and, for a bad request, `issues`.
 *
 * @example
 * const posthorn = createClient({ url: "http://127.0.0.1:8080", apiKey });
 * await posthorn.events.publish.mutate({ type: "message.created", payload: { id: 1 } });
 */
export function createClient({ url, apiKey, tenant }: ClientOptions): TRPCClient<AppRouter> {
  return createTRPCClient<AppRouter>({
    links: [
      httpLink({
        url: `${url.replace(/\/$/, "")}/trpc`,
        // Reads go by POST too, so that no filter ends up in a log of URLs.
        methodOverride: "POST",
        headers: {
          authorization: `Bearer ${apiKey}`,
          ...(tenant !== undefined && { "x-tenant": tenant }),
        },
      }),
    ],
  });
}
