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
    const own = ipaddr.process(endpoint.address);
    if (isWildcard(own)) return isOfThisMachine(address);
    if (isWildcard(address)) return isOfThisMachine(own); // Linux connects 0.0.0.0 and :: to itself
    return own.toString() === address.toString();
  });
}

/**
 * The endpoint of a server that the service itself connects to, its database. One on this machine may listen on more
 * addresses than the one that was dialled, so it stands for all of them.
 */
export function endpointOfServer(address: string, port: number): Endpoint {
  return { address: isOfThisMachine(ipaddr.process(address)) ? "0.0.0.0" : address, port };
}

function isWildcard(address: Address): boolean {
  return WILDCARDS.includes(address.toString());
}

// Says whether a connection to `address` ends on this machine.
function isOfThisMachine(address: Address): boolean {
  if (address.range() === "loopback" || isWildcard(address)) return true;
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .some((own) => ipaddr.process(own.address).toString() === address.toString());
}
