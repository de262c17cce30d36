// How requests leave: got takes and normalises where they go, once for each URL, by the handlers that it documents; undici carries
// them.
import got from "got";

import type { AddressOrder } from "./address-order.ts";
import { makeAttempt, type Attempt, type AttemptTimes, type Cut } from "./attempt.ts";
import type { Connection } from "./connection.ts";
import { createConnections, type ConnectionsOptions } from "./connections.ts";
import type { Dial } from "./dialer.ts";
import type { EgressRequest } from "./exchange.ts";
import type { Failure } from "./failure.ts";

/** Where requests to a URL go. */
export type Route = { origin: string; hostname: string; path: string };

export type Transport = {
  /** Makes one attempt, over a fresh connection where that is asked for. */
  send(
    request: Pick<EgressRequest, "headers" | "body"> & { route: Route },
    how: AttemptTimes & { isFresh: boolean },
  ): Promise<Attempt>;
  /** Ends what is in flight as `failure`, and closes every socket. */
  close(failure: Failure): void;
};

// One instance. Its redirects, retries, decompression and timers are the stock transport's and don't exist in ours; they are off
// for whoever reads the normalised options.
const client = got.extend({
  method: "POST",
  decompress: false,
  followRedirect: false,
  retry: { limit: 0 },
  throwHttpErrors: false,
  headers: { "user-agent": undefined },
  enableUnixSockets: false,
  handlers: [({ url }) => routeOf(url as URL) as never],
  mutableDefaults: false,
});

/**
 * The route of a URL; throws what got throws at a bad one. To be kept: what got makes of a URL, and of the headers with it, takes
 * as long as all else that is done for a request before it is written.
 */
export function routeTo(url: string): Route {
  return client(url) as unknown as Route;
}

function routeOf({ origin, hostname, href }: URL): Route {
  return { origin, hostname, path: href.slice(origin.length) };
}

/** Creates the transport; its connections are shared by all that it sends. */
export function createTransport(
  dial: Dial,
  options: ConnectionsOptions & { order: AddressOrder },
): Transport {
  const { clock, order } = options;
  const connections = createConnections(dial, options);
  const inFlight = new Set<Cut>();

  function learn(host: string, connection: Connection, attempt: Attempt): void {
    const { address } = attempt;
    if (address === null) return; // nobody knows whose fault it is, or through a proxy
    if (attempt.kind === "answered") return order.answered(host, address);
    if (attempt.reason === "policy") return;
    order.failed(host, address);
    connections.hasFailed(connection);
  }

  return {
    send({ route, headers, body }, { timeoutMs, isFresh, elapsedMs, resentMs }) {
      const connection = connections.take(route.origin, isFresh);
      const request = { path: route.path, headers: lowerCased(headers), body };
      return new Promise((resolve) => {
        makeAttempt(connection, request, {
          clock,
          timeoutMs,
          elapsedMs,
          resentMs,
          inFlight,
          ended(attempt, isReusable) {
            if (isReusable) connections.keep(connection);
            if (attempt.isStale) connections.wasStale(connection);
            else learn(route.hostname, connection, attempt);
            resolve(attempt);
          },
        });
      });
    },
    close(failure) {
      for (const cut of inFlight) cut(failure);
      connections.close();
    },
  };
}

// As got writes them.
function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  const lower: Record<string, string> = {};
  for (const name in headers) lower[name.toLowerCase()] = headers[name] as string;
  return lower;
}
