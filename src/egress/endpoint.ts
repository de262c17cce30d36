// Endpoints that are never reached, whatever is allowed: the service's own listener and its own database.
import { networkInterfaces } from "node:os";

import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A port of one address. `0.0.0.0` and `::` stand for every address of this machine, as they do in a listen. */
export type Endpoint = { address: string; port: number };

const WILDCARDS = ["0.0.0.0", "::"];

/** Says whether `address` and `port` are one of `endpoints`. */
export function isForbidden(address: Address, port: number, endpoints: Endpoint[]): boolean {
  return endpoints.some((endpoint) => {
    if (endpoint.port !== port) return false; // first, since asking for the interfaces is a system call
    const own = ipaddr.process(endpoint.address).toString();
    return WILDCARDS.includes(own) ? isOfThisMachine(address) : own === address.toString();
  });
}

/**
 * The endpoint of a server that the service itself connects to, its database. One on this machine may listen on more
 * addresses than the one that was dialled, so it stands for all of them.
 */
export function endpointOfServer(address: string, port: number): Endpoint {
  return { address: isOfThisMachine(ipaddr.process(address)) ? "0.0.0.0" : address, port };
}

// Says whether a connection to `address` ends on this machine.
function isOfThisMachine(address: Address): boolean {
  const text = address.toString();
  if (address.range() === "loopback" || WILDCARDS.includes(text)) return true;
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some((own) => ipaddr.process(own.address).toString() === text);
}
