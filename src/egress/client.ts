// The one client that reaches receivers. Whatever they do, each exchange ends in time and in bounded memory.
import { setMaxListeners } from "node:events";

import got from "got";

import type { MonotonicClock } from "../kernel/clock.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { AddressRules } from "./address.ts";
import { createAgents, destroyAgents, type Agents } from "./agents.ts";
import { followAttempt, type Attempt } from "./attempt.ts";
import type { EgressRequest, Exchange, Failed } from "./exchange.ts";
import { createResolver, type Resolver } from "./resolver.ts";
import { judgeUrl } from "./url.ts";

export type EgressOptions = AddressRules & {
  clock: MonotonicClock;
  resolver?: Resolver;
  /** PEM certificates of authorities that are trusted beside the well-known ones. */
  ca?: string;
};

export type Egress = {
  /** Sends one POST and never throws: whatever goes wrong is told in the exchange. */
  post(request: EgressRequest): Promise<Exchange>;
  /** Ends what is in flight and closes every socket. */
  close(): Promise<void>;
};

/** Creates the client; its sockets and its name cache are shared by all that it sends. */
export function createEgress(options: EgressOptions): Egress {
  const { clock } = options;
  const resolver = options.resolver ?? createResolver({ clock });
  const pooled = createAgents({ ...options, resolver, keepAlive: true });
  const fresh = createAgents({ ...options, resolver, keepAlive: false });
  const inFlight = new Set<Promise<Exchange>>();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each request in flight

  function attempt(request: EgressRequest, agents: Agents, timeoutMs: number): Promise<Attempt> {
    const { url, headers, body } = request;
    const stream = client.post(url, {
      headers: { ...headers, "content-length": String(body.length) },
      body,
      timeout: { request: timeoutMs },
      agent: agents,
    });
    return followAttempt(stream, timeoutMs, closing.signal);
  }

  async function send(request: EgressRequest, elapsedMs: () => number): Promise<Attempt> {
    if (closing.signal.aborted) return failed("connect", "the service is stopping");
    try {
      const url = judgeUrl(request.url, { ...options, httpsOnly: request.httpsOnly ?? false });
      const first = await attempt({ ...request, url }, pooled, request.timeoutMs);
      if (first.kind !== "stale") return first;
      // Nobody's failure, so not one of the schedule's attempts; the deadline stays what it was.
      return await attempt(
        { ...request, url },
        fresh,
        Math.max(1, request.timeoutMs - elapsedMs()),
      );
    } catch (error) {
      const issue = error instanceof PosthornError ? error.issues?.[0] : undefined;
      if (issue) return failed("policy", `the URL ${issue.message}`);
      return failed("connect", "the request could not be made");
    }
  }

  async function post(request: EgressRequest): Promise<Exchange> {
    const startedAt = clock();
    const elapsedMs = () => Math.round(clock() - startedAt);
    const result = await send(request, elapsedMs);
    // A new socket is never stale; the type can't know.
    const known = result.kind === "stale" ? failed("connect", "the connection was cut") : result;
    return { ...known, durationMs: elapsedMs() };
  }

  return {
    post(request) {
      const exchange = post(request);
      inFlight.add(exchange);
      void exchange.finally(() => inFlight.delete(exchange));
      return exchange;
    },
    async close() {
      closing.abort();
      await Promise.all(inFlight);
      destroyAgents(pooled);
      destroyAgents(fresh);
      resolver.close();
    },
  };
}

// One instance: merging options is most of what got costs. Redirects would post to a URL nobody judged, decompression
// turns 0.3 MB into 1 GB, and got's own retries know nothing of the schedule.
const client = got.extend({
  decompress: false,
  followRedirect: false,
  retry: { limit: 0 },
  throwHttpErrors: false,
  headers: { "user-agent": undefined },
  enableUnixSockets: false,
  maxHeaderSize: 16 * 1024,
}).stream;

function failed(reason: Failed["reason"], error: string): Omit<Failed, "durationMs"> {
  return { kind: "failed", reason, error, address: null };
}
