// Which addresses may be reached: the public ones, those that the operator allowed, never the service's own.
import { isIP } from "node:net";

import ipaddr from "ipaddr.js";

import { StartError } from "../kernel/errors.ts";
import { facesOf } from "./embedded-ipv4.ts";
import { isForbidden, type Endpoint } from "./endpoint.ts";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A block of addresses: the first one, and how many of its leading bits count. */
export type Cidr = [Address, number];

/** What may be reached beside the public Internet, and what never may. */
export type AddressRules = {
  allow: Cidr[];
  /** Asked at every judgement, since a listener's port and a database's address are known only later. */
  forbidden: () => Endpoint[];
};

// What ipaddr.js calls unicast although it leads inside: a cloud's wire server, which answers with credentials.
const NOT_PUBLIC: Cidr[] = [ipaddr.parseCIDR("168.63.129.16/32")];

// All that is routed on the public IPv6 Internet; a range set aside elsewhere tomorrow is refused already today.
const GLOBAL_UNICAST: Cidr = ipaddr.parseCIDR("2000::/3");

/** Reads comma-separated CIDRs and single addresses; the error names what was found, the caller adds the setting. */
export function parseCidrs(text: string): Cidr[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "")
    .map(parseCidr);
}

// Reads a literal address, IPv4 written inside IPv6 (`::ffff:10.0.0.1`) as the IPv4 it stands for.
function parseAddress(text: string): Address {
  return ipaddr.process(text);
}

/** Says why `address` may not be reached on `port` ("a loopback address"), or undefined where it may. */
export function judgeAddress(
  address: string,
  port: number,
  rules: AddressRules,
): string | undefined {
  const faces = facesOf(parseAddress(address));
  if (faces.some((face) => isForbidden(face, port, rules.forbidden())))
    return "this service's own address and port";
  const bad = faces.find((face) => !isPublic(face) && !isAllowed(face, rules.allow));
  return bad && describe(bad);
}

function isAllowed(address: Address, allow: Cidr[]): boolean {
  return allow.some((cidr) => isInside(address, cidr));
}

function parseCidr(item: string): Cidr {
  const [address = "", bits, ...rest] = item.split("/");
  const family = isIP(address);
  const bitsMax = family === 4 ? 32 : 128;
  const isRange = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= bitsMax);
  if (family === 0 || !isRange || rest.length > 0)
    throw new StartError(
      `${JSON.stringify(item)} is not a CIDR; write one like 10.0.0.0/8, fd00::/8 or 192.168.1.7`,
    );
  const parsed = ipaddr.parse(address);
  const length = bits === undefined ? bitsMax : Number(bits);
  // Addresses are judged with mapped IPv4 unwrapped, so a mapped block has to be as well.
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress() && length >= 96)
    return [parsed.toIPv4Address(), length - 96];
  return [parsed, length];
}

function isInside(address: Address, [first, bits]: Cidr): boolean {
  return address.kind() === first.kind() && address.match(first, bits);
}

function isPublic(address: Address): boolean {
  if (address.range() !== "unicast" || NOT_PUBLIC.some((cidr) => isInside(address, cidr)))
    return false;
  return address.kind() === "ipv4" || isInside(address, GLOBAL_UNICAST);
}

function describe(address: Address): string {
  const range = address.range();
  if (range === "unicast") return "a reserved address";
  const words = range.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${/^[aeiou]/.test(words) ? "an" : "a"} ${words} address`;
}
