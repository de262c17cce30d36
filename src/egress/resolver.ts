// Names to addresses, by c-ares: node's own lookup runs on four threads, and a few silent names would starve all others.
import { Resolver as CaresResolver } from "node:dns/promises";

import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { createHostsFile, HOSTS_FILE } from "./hosts-file.ts";
import { Refusal } from "./refusal.ts";

const LOOKUP_MS_MAX = 3 * SECOND; // a name whose servers are silent fails well within the shortest preset's 5 s
const TRY_MS = SECOND; // then the next try, or the next server
const TRIES = 2;
const CACHE_MS = 5 * SECOND; // spares a burst its lookups; a receiver that moves is followed at once
const FAILURE_CACHE_MS = SECOND;
const CACHED_NAMES_MAX = 10_000; // about 2 MB
const OTHER_FAMILY_MS = 50; // RFC 8305's resolution delay: some servers never answer AAAA

export type Resolver = {
  /** The addresses of a name, IPv4 first; rejects with a `Refusal` of reason `dns`. Lookups of one name are shared. */
  resolve(name: string): Promise<string[]>;
  close(): void;
};

export type ResolverOptions = {
  clock: MonotonicClock;
  /** Name servers as `address:port`; the machine's own where absent. */
  servers?: string[];
  hostsFile?: string;
  lookupMsMax?: number;
};

/** Creates the resolver of the egress: own deadline, one lookup in flight per name, a short cache. */
export function createResolver(options: ResolverOptions): Resolver {
  const { clock, lookupMsMax = LOOKUP_MS_MAX } = options;
  const cares = new CaresResolver({ timeout: Math.min(TRY_MS, lookupMsMax), tries: TRIES });
  if (options.servers) cares.setServers(options.servers);
  const hosts = createHostsFile(options.hostsFile ?? HOSTS_FILE, clock);
  const cache = new Map<string, { answer: Promise<string[]>; staleAt: number }>();

  async function lookup(name: string): Promise<string[]> {
    const known = await hosts(name);
    if (known.length > 0) return known;
    return collect(await ask([cares.resolve4(name), cares.resolve6(name)], lookupMsMax));
  }

  return {
    resolve(name) {
      const found = cache.get(name);
      if (found && clock() < found.staleAt) return found.answer;
      const answer = lookup(name);
      const entry = { answer, staleAt: Infinity }; // shared while in flight
      cache.delete(name); // so that it is written anew, and the oldest stay in front
      cache.set(name, entry);
      answer.then(
        () => (entry.staleAt = clock() + CACHE_MS),
        () => (entry.staleAt = clock() + FAILURE_CACHE_MS),
      );
      for (const oldest of cache.keys()) {
        if (cache.size <= CACHED_NAMES_MAX) break;
        cache.delete(oldest);
      }
      return answer;
    },
    close: () => cares.cancel(),
  };
}

type State = { addresses: string[] } | { code: string };

// Waits for both families, but not long for the second once the first has answered, and for neither past the deadline.
async function ask(queries: Promise<string[]>[], lookupMsMax: number): Promise<State[]> {
  const states = queries.map((): State => ({ code: "ETIMEOUT" }));
  const settled = queries.map((query, i) =>
    query.then(
      (addresses) => void (states[i] = { addresses }),
      (error: NodeJS.ErrnoException) => void (states[i] = { code: error.code ?? "EUNKNOWN" }),
    ),
  );
  const firstAnswer = Promise.any(queries).then(() => sleep(OTHER_FAMILY_MS));
  const deadline = new AbortController();
  await Promise.race([
    Promise.all(settled),
    Promise.any([firstAnswer, sleep(lookupMsMax, deadline.signal)]),
  ]);
  deadline.abort();
  return states;
}

function collect(states: State[]): string[] {
  const addresses = states.flatMap((state) => ("addresses" in state ? state.addresses : []));
  if (addresses.length > 0) return addresses;
  const codes = states.flatMap((state) => ("code" in state ? [state.code] : []));
  if (codes.every((code) => code === "ENOTFOUND" || code === "ENODATA"))
    throw new Refusal("dns", "the name has no address");
  if (codes.includes("ETIMEOUT") || codes.includes("ECANCELLED"))
    throw new Refusal("dns", "the name servers did not answer in time");
  throw new Refusal("dns", `the name could not be resolved (${codes.join(", ")})`);
}
