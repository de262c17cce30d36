// The only door to the network: each new connection's addresses are judged, and it goes to a judged one.
import type { LookupFunction } from "node:net";

import { judgeAddress, type AddressRules } from "./address.ts";
import type { AddressOrder } from "./address-order.ts";
import { isLocalhost, judgeName, loopbackAddresses } from "./known-names.ts";
import { Refusal } from "./refusal.ts";
import type { Resolver } from "./resolver.ts";

const ADDRESSES_MAX = 8; // tried one after the other; a name with thousands would use up the deadline anyway

/** Throws where a literal address or a known name may not be connected to. Literals never reach a lookup. */
export function judgeLiteral(host: string, family: number, port: number, rules: AddressRules) {
  const why = family === 0 ? judgeName(host, port, rules) : judgeAddress(host, port, rules);
  if (why !== undefined) throw new Refusal("policy", `${host} is ${why}, which may not be reached`);
}

/**
 * A lookup for `net.connect` that answers only judged addresses; the socket connects to what it answers, so a
 * name can't be asked again and answer otherwise (DNS rebinding). One bad address among good ones refuses the
 * name: whoever mixes them is attacking or misconfigured, and a refusal that depended on which answer came
 * first would be seen by nobody.
 */
export function judgedLookup(
  port: number,
  rules: AddressRules,
  resolver: Resolver,
  order?: AddressOrder,
): LookupFunction {
  return (name, options, callback) => {
    judgedAddresses(name, port, rules, resolver).then(
      (found) => {
        const addresses = order?.sort(name, found) ?? found;
        const [first = ""] = addresses;
        if (!options.all) return callback(null, first, familyOf(first));
        const some = addresses.slice(0, ADDRESSES_MAX);
        callback(
          null,
          some.map((address) => ({ address, family: familyOf(address) })),
        );
      },
      (error: Error) => callback(error, ""),
    );
  };
}

/** The addresses of a name, each of which may be reached; rejects with a `Refusal` otherwise. */
export async function judgedAddresses(
  name: string,
  port: number,
  rules: AddressRules,
  resolver: Resolver,
): Promise<string[]> {
  if (isLocalhost(name)) return loopbackAddresses(port, rules);
  return judgeAll(await resolver.resolve(name), port, rules);
}

function judgeAll(addresses: string[], port: number, rules: AddressRules): string[] {
  for (const address of addresses) {
    const why = judgeAddress(address, port, rules);
    if (why !== undefined)
      throw new Refusal("policy", `the name resolves to ${why}, which may not be reached`);
  }
  return addresses;
}

function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}
