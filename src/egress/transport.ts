// How requests leave: got takes and normalises them, undici carries them, by the handlers that got documents for that.
import got, { type Options } from "got";

import type { AddressOrder } from "./address-order.ts";
import { makeAttempt, type Attempt, type Cut } from "./attempt.ts";
import type { Connection } from "./connection.ts";
import { createConnections, type ConnectionsOptions } from "./connections.ts";
import type { Dial } from "./dialer.ts";
import type { EgressRequest } from "./exchange.ts";
import type { Failure } from "./failure.ts";

export type Transport = {
  /** Makes one attempt, over a fresh connection where that is asked for. Throws what got throws at bad options. */
  send(request: Pick<EgressRequest, "url" | "headers" | "body">, how: How): Promise<Attempt>;
  /** Ends what is in flight as `failure`, and closes every socket. */
  close(failure: Failure): void;
};

type How = { timeoutMs: number; isFresh: boolean };

// In an object: on a promise, got would hang a second request of its own, with its streams and timers.
type Sent = { attempt: Promise<Attempt> };

/** Creates the transport; its connections are shared by all that it sends. */
export function createTransport(
  dial: Dial,
  options: ConnectionsOptions & { order: AddressOrder },
): Transport {
  const { clock, order } = options;
  const connections = createConnections(dial, options);
  const inFlight = new Set<Cut>();

  function carry({ url, headers, body, context }: Options): Sent {
    const { origin, hostname, href } = url as URL;
    const { timeoutMs, isFresh } = context as How;
    const connection = connections.take(origin, isFresh);
    const attempt = new Promise<Attempt>((resolve) => {
      const request = { path: href.slice(origin.length), headers, body: body as Buffer };
      makeAttempt(connection, request, {
        clock,
        timeoutMs,
        inFlight,
        ended(attempt, isReusable) {
          if (isReusable) connections.keep(connection);
          if (attempt.isStale) connections.wasStale(connection);
          else learn(hostname, connection, attempt);
          resolve(attempt);
        },
      });
    });
    return { attempt };
  }

  function learn(host: string, connection: Connection, attempt: Attempt): void {
    const { address } = attempt;
    if (address === null) return; // nobody knows whose fault it is, or through a proxy
    if (attempt.kind === "answered") return order.answered(host, address);
    if (attempt.reason === "policy") return;
    order.failed(host, address);
    connections.hasFailed(connection);
  }

  // One instance: merging options is most of what got costs. Its redirects, retries, decompression and timers are the
  // stock transport's and don't exist in ours; they are off for whoever reads the normalised options.
  const client = got.extend({
    method: "POST",
    decompress: false,
    followRedirect: false,
    retry: { limit: 0 },
    throwHttpErrors: false,
    headers: { "user-agent": undefined },
    enableUnixSockets: false,
    handlers: [(options) => carry(options) as never],
    mutableDefaults: false,
  });

  return {
    send({ url, headers, body }, context) {
      return (client(url, { headers, body, context }) as unknown as Sent).attempt;
    },
    close(failure) {
      for (const cut of inFlight) cut(failure);
      connections.close();
    },
  };
}
