// The one client that reaches receivers. Whatever they do, each exchange ends in time and in bounded memory.
import { sleep, type MonotonicClock, type Random } from "../kernel/clock.ts";
import { SECOND } from "../kernel/duration.ts";
import { PosthornError } from "../kernel/errors.ts";
import type { AddressRules } from "./address.ts";
import { createAddressOrder } from "./address-order.ts";
import type { Attempt } from "./attempt.ts";
import { createDialer } from "./dialer.ts";
import type { EgressRequest, Exchange, MayResend } from "./exchange.ts";
import type { Failure } from "./failure.ts";
import { idleRoom } from "./idle-room.ts";
import { createJudgedUrls } from "./judged-urls.ts";
import { createResolver, type Resolver } from "./resolver.ts";
import { createTransport } from "./transport.ts";

// How old what was seen by another look may be: a second after an unsubscribe's answer nothing may start.
const LOOK_MS_MAX = 0.9 * SECOND;

export type EgressOptions = AddressRules & {
  clock: MonotonicClock;
  random: Random;
  resolver?: Resolver;
  /** Answers the PEM certificates of authorities that are trusted beside the well-known ones, asked at each connection. */
  ca?: (() => string) | undefined;
  /** An http or https proxy that all goes through, with its user name and password. */
  proxy?: URL | null;
  /** How many requests the caller has in flight at once: as many connections are kept for the next ones, at least. */
  concurrency?: number;
  /** How many are kept open between two requests, over all receivers; by the files that may be open, unless given. */
  idleMax?: number;
};

export type Egress = {
  /**
   * Sends one POST and never throws: whatever goes wrong is in the exchange. Without `mayResend` it goes over a new socket, and
   * out once.
   */
  post(request: EgressRequest, mayResend?: MayResend): Promise<Exchange>;
  /** Ends what is in flight and closes every socket. */
  close(): Promise<void>;
};

/** Creates the client; its sockets and its name cache are shared by all that it sends. */
export function createEgress(options: EgressOptions): Egress {
  const { clock, random, concurrency = 0, idleMax = idleRoom(concurrency) } = options;
  const resolver = options.resolver ?? createResolver({ clock });
  const order = createAddressOrder(clock);
  const transport = createTransport(createDialer({ ...options, resolver, order }), {
    clock,
    random,
    idleMax,
    order,
  });
  const judge = createJudgedUrls(options);
  let isClosing = false;

  async function send(
    request: EgressRequest,
    elapsedMs: () => number,
    mayResend: MayResend | undefined,
  ): Promise<Attempt> {
    const { headers, body, timeoutMs, httpsOnly = false } = request;
    const sending = { route: judge(request.url, httpsOnly), headers, body };
    const isFresh = mayResend === undefined;
    const first = await transport.send(sending, { timeoutMs, isFresh, elapsedMs, resentMs: null });
    if (!first.isStale || !mayResend) return first;
    // The deadline stays what it was.
    const leftMs = () => Math.max(1, timeoutMs - elapsedMs());
    const isAllowed = await inTime(mayResend, Math.min(leftMs(), LOOK_MS_MAX));
    if (!isAllowed || isClosing) return first;
    const resentMs = elapsedMs();
    return transport.send(sending, { timeoutMs: leftMs(), isFresh: true, elapsedMs, resentMs });
  }

  return {
    async post(request, mayResend) {
      const startedAt = clock();
      const elapsedMs = () => Math.round(clock() - startedAt);
      if (isClosing) return unsent(STOPPING, elapsedMs());
      try {
        return await send(request, elapsedMs, mayResend);
      } catch (error) {
        return unsent(unsendable(error), elapsedMs());
      }
    },
    async close() {
      isClosing = true;
      transport.close(STOPPING);
      resolver.close();
      await new Promise(setImmediate); // by when the exchanges that were ended have been answered
    },
  };
}

function unsendable(error: unknown): Failure {
  const issue = error instanceof PosthornError ? error.issues?.[0] : undefined;
  if (issue) return { reason: "policy", error: `the URL ${issue.message}` };
  return { reason: "connect", error: "the request could not be made" };
}

// Whether it was allowed, and within so long.
function inTime(mayResend: MayResend, withinMs: number): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(withinMs, over.signal).then(() => false);
  return Promise.race([mayResend().catch(() => false), late]).finally(() => over.abort());
}

function unsent({ reason, error }: Failure, durationMs: number): Exchange {
  return { kind: "failed", reason, error, address: null, durationMs, resentMs: null };
}

const STOPPING: Failure = { reason: "connect", error: "the service is stopping" };
