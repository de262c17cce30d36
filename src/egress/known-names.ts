// Names whose meaning is known without asking DNS.
import type { AddressRules } from "./address.ts";
import { judgeAddress } from "./address.ts";

const LOOPBACK = ["127.0.0.1", "::1"];

// Machines that give credentials to whoever asks, and `unix`, which got takes for a socket file.
const NEVER = [
  "metadata",
  "metadata.google.internal",
  "metadata.goog",
  "instance-data",
  "instance-data.ec2.internal",
  "unix",
];

/** Says why a name is refused whatever it resolves to, or undefined where DNS must tell. */
export function judgeName(name: string, port: number, rules: AddressRules): string | undefined {
  if (NEVER.includes(withoutDot(name))) return "a name of the machine's own surroundings";
  if (isLocalhost(name) && loopbackAddresses(port, rules).length === 0) return "a loopback name";
  return undefined;
}

/** Says whether RFC 6761 makes `name` mean this machine: `localhost` and all below it, dot at the end or not. */
export function isLocalhost(name: string): boolean {
  const plain = withoutDot(name);
  return plain === "localhost" || plain.endsWith(".localhost");
}

/** The loopback addresses that may be reached on `port`: what a localhost name resolves to. */
export function loopbackAddresses(port: number, rules: AddressRules): string[] {
  return LOOPBACK.filter((address) => judgeAddress(address, port, rules) === undefined);
}

function withoutDot(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}
