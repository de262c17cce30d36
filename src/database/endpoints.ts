// Where the database of DATABASE_URL listens: an address that webhooks are kept from.
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";

import pg from "pg";

import { endpointOfServer, type Endpoint } from "../egress/endpoint.ts";
import { MINUTE } from "../kernel/duration.ts";
import type { Log } from "../kernel/log.ts";
import { forDriver } from "./tls.ts";

const LOOK_AGAIN_MS = 1 * MINUTE; // a failover changes the name's address, and connections follow it as soon

export type DatabaseEndpoints = {
  /** As they were last found. */
  current(): Endpoint[];
  close(): void;
};

type Lookup = (host: string) => Promise<{ address: string }[]>;

/**
 * Tells where the database of `url` listens, by the driver's own reading (`?host=` and `?port=` go before the rest), and
 * looks its name up again now and then. Where that fails, what was found before stays.
 */
export async function watchEndpoints(
  url: string,
  log: Log,
  {
    lookUp = (host: string) => lookup(host, { all: true }),
    everyMs = LOOK_AGAIN_MS,
  }: { lookUp?: Lookup; everyMs?: number } = {},
): Promise<DatabaseEndpoints> {
  const { host, port } = new pg.Client(forDriver(url));
  // A socket file bears the port of the server's listener, which is on this machine, whatever its addresses are.
  if (host.startsWith("/")) return unchanging({ address: "0.0.0.0", port });
  if (isIP(host) !== 0) return unchanging(endpointOfServer(host, port));

  let endpoints: Endpoint[] = [];
  const look = async () => {
    try {
      endpoints = (await lookUp(host)).map(({ address }) => endpointOfServer(address, port));
    } catch (err) {
      const kept = endpoints.length > 0 ? "its last known address" : "no address of the database";
      log.warn(
        { err },
        `DATABASE_URL: its host can't be looked up, so webhooks are kept from ${kept}`,
      );
    }
  };
  await look();
  const timer = setInterval(() => void look(), everyMs).unref();
  return { current: () => endpoints, close: () => clearInterval(timer) };
}

const unchanging = (endpoint: Endpoint): DatabaseEndpoints => ({
  current: () => [endpoint],
  close: () => {},
});
