// Which name servers the machine asks, and under which domains it looks for a short name: resolv.conf(5).
import { createReadAgain } from "./read-again.ts";

export const RESOLV_CONF = "/etc/resolv.conf";

const SERVERS_MAX = 3; // as glibc
const SEARCH_MAX = 32; // as many as Kubernetes lets a pod have
const DOTS_MAX = 15; // as glibc

export type ResolvConf = {
  /** None where the file names none: then c-ares asks those that it finds itself. */
  servers: readonly string[];
  search: readonly string[];
  /** A name with so many dots is first looked for as it stands. */
  ndots: number;
};

/** Answers what the file says now, the same value while it is the same. */
export function createResolvConf(path: string, clock: () => number): () => Promise<ResolvConf> {
  return createReadAgain(path, clock, parse);
}

/** The names to look for, one after the other, until one has an address. */
export function candidates(name: string, { search, ndots }: ResolvConf): string[] {
  if (name.endsWith(".")) return [name];
  const below = search.map((domain) => `${name}.${domain}`);
  const dots = name.split(".").length - 1;
  return dots >= ndots ? [name, ...below] : [...below, name];
}

function parse(text: string): ResolvConf {
  const servers: string[] = [];
  let search: string[] = [];
  let ndots = 1;
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line
      .replace(/[#;].*/, "")
      .trim()
      .split(/\s+/);
    if (keyword === "nameserver") servers.push(...values.slice(0, 1));
    if (keyword === "search" || keyword === "domain") search = values; // of several the last counts
    const given = keyword === "options" && values.map((each) => /^ndots:(\d+)$/.exec(each)?.[1]);
    for (const dots of given || [])
      if (dots !== undefined) ndots = Math.min(Number(dots), DOTS_MAX);
  }
  const domains = search.map((domain) => domain.replace(/\.$/, "")).filter((each) => each !== "");
  return { servers: servers.slice(0, SERVERS_MAX), search: domains.slice(0, SEARCH_MAX), ndots };
}
