// IPv4 addresses inside IPv6 ones: a gateway on the way unwraps them, so they are judged.
import ipaddr from "ipaddr.js";

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/**
 * The addresses that one would lead to, itself first, each of which has to be good. Under NAT64's well-known prefix it is the
 * IPv4 inside alone: an IPv6 network has one for every name of IPv4, by DNS64, and what is behind it is what is reached.
 */
export function facesOf(address: Address): Address[] {
  if (address instanceof ipaddr.IPv4) return [address];
  const layout = LAYOUTS.find(({ prefix }) => address.match(ipaddr.IPv6.parseCIDR(prefix)));
  const inside = layout?.read(address.toByteArray()) ?? [];
  return layout?.prefix === NAT64 ? inside : [address, ...inside];
}

const NAT64 = "64:ff9b::/96"; // RFC 6052

type Layout = { prefix: string; read: (bytes: number[]) => ipaddr.IPv4[] };

const last = (bytes: number[]) => new ipaddr.IPv4(bytes.slice(12));

// The first that matches is read. Mapped addresses (::ffff:0:0/96) never come here: parsing unwraps them.
const LAYOUTS: Layout[] = [
  { prefix: "::/127", read: () => [] }, // :: and ::1 are themselves, not IPv4 0.0.0.0 and 0.0.0.1
  { prefix: "::/96", read: (bytes) => [last(bytes)] }, // compatible, RFC 4291 2.5.5.1
  { prefix: "::ffff:0:0:0/96", read: (bytes) => [last(bytes)] }, // translated, RFC 2765
  { prefix: NAT64, read: (bytes) => [last(bytes)] },
  { prefix: "64:ff9b:1::/48", read: readLocalNat64 }, // NAT64 of one's own, RFC 8215
  { prefix: "2002::/16", read: (bytes) => [new ipaddr.IPv4(bytes.slice(2, 6))] }, // 6to4, RFC 3056
  { prefix: "2001::/32", read: readTeredo },
];

// RFC 8215 leaves the length of the gateway's prefix open: /96 puts the IPv4 at the end, /48 around the
// ninth byte (RFC 6052 2.2). Which one holds can't be seen from outside, so both must be reachable; one that
// reads as 0.0.0.0 is the padding of the other.
function readLocalNat64(bytes: number[]): ipaddr.IPv4[] {
  const around = [...bytes.slice(6, 8), ...bytes.slice(9, 11)];
  return [around, bytes.slice(12)]
    .filter((octets) => octets.some((octet) => octet !== 0))
    .map((octets) => new ipaddr.IPv4(octets));
}

// RFC 4380: the server's address in the clear, the client's with its bits inverted.
function readTeredo(bytes: number[]): ipaddr.IPv4[] {
  const client = bytes.slice(12).map((octet) => octet ^ 0xff);
  return [new ipaddr.IPv4(bytes.slice(4, 8)), new ipaddr.IPv4(client)];
}
