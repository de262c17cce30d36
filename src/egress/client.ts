// The one client that reaches receivers. Whatever they do, each exchange ends in time and in bounded memory.
import type { MonotonicClock } from "../kernel/clock.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { AddressRules } from "./address.ts";
import type { Attempt } from "./attempt.ts";
import { createDialer } from "./dialer.ts";
import type { EgressRequest, Exchange, Failed } from "./exchange.ts";
import { createJudgedUrls } from "./judged-urls.ts";
import { createResolver, type Resolver } from "./resolver.ts";
import { createTransport } from "./transport.ts";

// Kept over all receivers, one per slot of the default concurrency; not fewer for each, since many may lead to one host.
const IDLE_CONNECTIONS_MIN = 256;

export type EgressOptions = AddressRules & {
  clock: MonotonicClock;
  resolver?: Resolver;
  /** PEM certificates of authorities that are trusted beside the well-known ones. */
  ca?: string | null;
  /** An http or https proxy that all goes through, with its user name and password. */
  proxy?: URL | null;
  /** How many requests the caller has in flight at once: as many connections are kept for the next ones. */
  concurrency?: number;
};

export type Egress = {
  /** Sends one POST and never throws: whatever goes wrong is told in the exchange. */
  post(request: EgressRequest): Promise<Exchange>;
  /** Ends what is in flight and closes every socket. */
  close(): Promise<void>;
};

/** Creates the client; its sockets and its name cache are shared by all that it sends. */
export function createEgress(options: EgressOptions): Egress {
  const { clock, concurrency = 0 } = options;
  const resolver = options.resolver ?? createResolver({ clock });
  const idleMax = Math.max(IDLE_CONNECTIONS_MIN, concurrency);
  const transport = createTransport(createDialer({ ...options, resolver }), idleMax);
  const judge = createJudgedUrls(options);
  let isClosing = false;

  async function send(request: EgressRequest, elapsedMs: () => number): Promise<Attempt> {
    const { headers, body, timeoutMs, httpsOnly = false } = request;
    const url = judge(request.url, httpsOnly);
    const first = await transport.send({ url, headers, body }, { timeoutMs, isFresh: false });
    if (first.kind !== "stale" || isClosing) return first;
    // Nobody's failure, so not one of the schedule's attempts; the deadline stays what it was.
    const leftMs = Math.max(1, timeoutMs - elapsedMs());
    return transport.send({ url, headers, body }, { timeoutMs: leftMs, isFresh: true });
  }

  return {
    async post(request) {
      if (isClosing) return { ...STOPPING, durationMs: 0 };
      const startedAt = clock();
      const elapsedMs = () => Math.round(clock() - startedAt);
      const attempt = await send(request, elapsedMs).catch(unsendable);
      // A new socket is never stale; one that was closed by a stop may be.
      const known = attempt.kind === "stale" ? CUT : attempt;
      return { ...known, durationMs: elapsedMs() };
    },
    async close() {
      isClosing = true;
      transport.close(STOPPING);
      resolver.close();
      await new Promise(setImmediate); // by when the exchanges that were ended have been answered
    },
  };
}

function unsendable(error: unknown): Omit<Failed, "durationMs"> {
  const issue = error instanceof PosthornError ? error.issues?.[0] : undefined;
  if (issue) return failed("policy", `the URL ${issue.message}`);
  return failed("connect", "the request could not be made");
}

function failed(reason: Failed["reason"], error: string): Omit<Failed, "durationMs"> {
  return { kind: "failed", reason, error, address: null };
}

const STOPPING = failed("connect", "the service is stopping");
const CUT = failed("connect", "the connection was cut");
