// An egress for tests: loopback is allowed, and whatever was opened is closed after the test.
import { afterEach } from "@jest/globals";

import { parseCidrs } from "../../src/egress/address.ts";
import { createEgress, type Egress, type EgressOptions } from "../../src/egress/client.ts";
import type { EgressRequest, Exchange, MayResend } from "../../src/egress/exchange.ts";
import { monotonic } from "../../src/kernel/clock.ts";

const opened: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

/** Closes `resource` after the test, in the order of opening. */
export function closing<T extends { close(): unknown }>(resource: T): T {
  opened.push(resource);
  return resource;
}

/** A deadline for what hangs: everything else is over long before, however busy the machine is. */
export const HANG_MS = 60_000;

export type Post = (
  url: string,
  more?: Partial<EgressRequest>,
  mayResend?: MayResend,
) => Promise<Exchange>;

/** An egress that may reach loopback, and its `post` with defaults. */
export function startEgress(options: Partial<EgressOptions> = {}): { egress: Egress; post: Post } {
  const allow = parseCidrs("127.0.0.0/8,::1/128");
  const egress = closing(
    createEgress({ allow, forbidden: () => [], clock: monotonic, random: Math.random, ...options }),
  );
  const body = Buffer.from('{"type":"test"}');
  const post: Post = (url, more, mayResend = () => Promise.resolve(true)) =>
    egress.post({ url, headers: {}, body, timeoutMs: HANG_MS, ...more }, mayResend);
  return { egress, post };
}
