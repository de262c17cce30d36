// Names to addresses, by c-ares: node's own lookup runs on four threads, and a few silent names would starve all others.
import { Resolver as CaresResolver } from "node:dns/promises";

import { sleep, type MonotonicClock } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { createTurns, type Turns } from "../kernel/turns.ts";
import { createHostsFile, HOSTS_FILE } from "./hosts-file.ts";
import { Refusal } from "./refusal.ts";
import { candidates, createResolvConf, RESOLV_CONF, type ResolvConf } from "./resolv-conf.ts";

const LOOKUP_MS_MAX = 3 * SECOND; // a name whose servers are silent fails well within the shortest preset's 5 s
const TRIES = 2; // the second, at the next server if there is one, has twice the time: together all that a lookup has
const CACHE_MS = 5 * SECOND; // spares a burst its lookups; a receiver that moves is followed at once
const FAILURE_CACHE_MS = SECOND;
const CACHED_NAMES_MAX = 10_000; // about 2 MB
const OTHER_FAMILY_MS = 50; // RFC 8305's resolution delay: some servers never answer AAAA

// Lookups at once, by what came of the name's last one. A silent name keeps its place to the end, so those that were silent
// have few, and new ones not all: whatever strangers subscribe, names that answer find places, and a new one seldom waits.
const SILENT_MAX = 8;
const NEW_MAX = 24; // with the silent ones
const LOOKUPS_MAX = 32; // of all: each may hold two sockets and a question at each name server
type Last = "silent" | "new" | "answered";

export type Resolver = {
  /** The addresses of a name, IPv4 first; rejects with a `Refusal` of reason `dns`. Lookups of one name are shared. */
  resolve(name: string): Promise<string[]>;
  close(): void;
};

export type ResolverOptions = {
  clock: MonotonicClock;
  /** Name servers as `address:port`, in place of all that the machine's `resolv.conf` says. */
  servers?: string[];
  resolvConf?: string;
  hostsFile?: string;
  lookupMsMax?: number;
};

/** Creates the resolver of the egress: own deadline, few lookups at once and one per name, a short cache. */
export function createResolver(options: ResolverOptions): Resolver {
  const { clock, lookupMsMax = LOOKUP_MS_MAX } = options;
  const { servers } = options;
  const readConf = servers
    ? () => Promise.resolve({ servers, search: [], ndots: 1 })
    : createResolvConf(options.resolvConf ?? RESOLV_CONF, clock);
  const hosts = createHostsFile(options.hostsFile ?? HOSTS_FILE, clock);
  const all = createTurns(LOOKUPS_MAX);
  const some = createTurns(NEW_MAX);
  const few = createTurns(SILENT_MAX);
  const shares = { silent: [few, some, all], new: [some, all], answered: [all] };
  const cache = new Map<string, Entry>();
  let using: { servers: string; cares: CaresResolver } | undefined;
  let isClosed = false;

  // A new one where the servers have changed: those of one that is asking can't be.
  function caresFor(conf: ResolvConf): CaresResolver {
    const servers = conf.servers.join();
    if (using?.servers === servers) return using.cares;
    const cares = new CaresResolver({ timeout: Math.floor(lookupMsMax / 3), tries: TRIES });
    using = { servers, cares };
    try {
      if (conf.servers.length > 0) cares.setServers(conf.servers);
    } catch {
      // One that node can't read, as with an interface's name in it: what c-ares has found itself stands.
    }
    return cares;
  }

  async function lookup(name: string, entry: Pick<Entry, "last">): Promise<string[]> {
    const known = await hosts(name);
    if (known.length > 0) return known;
    const deadline = clock() + lookupMsMax;
    const leftMs = () => deadline - clock();
    // Half of the time at most for a place, so that a name is never called silent for want of time.
    const waitMs = () => Math.max(0, leftMs() - lookupMsMax / 2);
    const states = await inTurns(shares[entry.last], waitMs, async () => {
      const conf = await readConf();
      if (isClosed) return undefined;
      const found = await askEach(candidates(name, conf), caresFor(conf), leftMs);
      entry.last = isSilence(found) ? "silent" : "answered";
      return found;
    });
    if (!states) throw new Refusal("dns", "too many lookups that get no answer are under way");
    return collect(states);
  }

  return {
    resolve(name) {
      const found = cache.get(name);
      if (found && clock() < found.staleAt) return found.answer;
      const state = { last: found?.last ?? ("new" as const) };
      const answer = lookup(name, state);
      const entry: Entry = Object.assign(state, { answer, staleAt: Infinity }); // shared while in flight
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
    close() {
      isClosed = true;
      using?.cares.cancel();
    },
  };
}

type Entry = { last: Last; answer: Promise<string[]>; staleAt: number };

// Does the work once it has a place in each; undefined where it gets none in time.
function inTurns<T>(
  [first, ...others]: readonly Turns[],
  waitMs: () => number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return first ? first.take(waitMs(), () => inTurns(others, waitMs, work)) : work();
}

const NONE = ["ENOTFOUND", "ENODATA"];

type State = { addresses: string[] } | { code: string };

// One after the other until one has an address, as the machine's own resolver does. What is answered then is what came of the
// first that did not say that there is none.
async function askEach(
  names: readonly string[],
  cares: CaresResolver,
  leftMs: () => number,
): Promise<State[]> {
  let answered: State[] = [];
  for (const name of names) {
    const states = await ask([cares.resolve4(name), cares.resolve6(name)], leftMs());
    if (states.some((state) => "addresses" in state)) return states;
    if (answered.length === 0 || isNone(answered)) answered = states;
    if (isSilence(states)) break;
  }
  return answered;
}

function isNone(states: State[]): boolean {
  return states.every((state) => "code" in state && NONE.includes(state.code));
}

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

function isSilence(states: State[]): boolean {
  return (
    states.every((state) => "code" in state) &&
    states.some(({ code }) => code === "ETIMEOUT" || code === "ECANCELLED")
  );
}

function collect(states: State[]): string[] {
  const addresses = states.flatMap((state) => ("addresses" in state ? state.addresses : []));
  if (addresses.length > 0) return addresses;
  if (isNone(states)) throw new Refusal("dns", "the name has no address");
  const codes = states.flatMap((state) => ("code" in state ? [state.code] : []));
  if (isSilence(states)) throw new Refusal("dns", "the name servers did not answer in time");
  throw new Refusal("dns", `the name could not be resolved (${codes.join(", ")})`);
}
