// Of a name's addresses, those that failed last go behind: a retry tries another one.
import type { MonotonicClock } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";

const HOSTS_MAX = 1_000; // of those that fail; some hundred bytes each
// After so long of the others' answering well, one that failed is as good as they: for a name whose addresses share the load.
const FORGIVEN_AFTER_MS = 10 * MINUTE;

export type AddressOrder = {
  /** A host's addresses, in the order in which to try them. */
  sort(host: string, addresses: string[]): string[];
  /** Told that a request over a connection to this address got no answer. */
  failed(host: string, address: string): void;
  answered(host: string, address: string): void;
};

/** Remembers which addresses failed, of this process's requests. */
export function createAddressOrder(clock: MonotonicClock): AddressOrder {
  const failures = new Map<string, Map<string, number>>(); // the host that failed longest ago first

  return {
    sort(host, addresses) {
      const failedAt = failures.get(host);
      if (!failedAt) return addresses;
      const of = (address: string) => failedAt.get(address) ?? -Infinity;
      // By comparison: infinities can't be subtracted.
      return addresses.toSorted((a, b) => (of(a) === of(b) ? 0 : of(a) < of(b) ? -1 : 1));
    },
    failed(host, address) {
      const failedAt = failures.get(host) ?? new Map<string, number>();
      failures.delete(host);
      failures.set(host, failedAt.set(address, clock()));
      const [oldest] = failures.keys();
      if (failures.size > HOSTS_MAX && oldest !== undefined) failures.delete(oldest);
    },
    answered(host, address) {
      const failedAt = failures.get(host);
      if (!failedAt) return;
      failedAt.delete(address);
      for (const [other, at] of failedAt)
        if (clock() - at > FORGIVEN_AFTER_MS) failedAt.delete(other);
      if (failedAt.size === 0) failures.delete(host);
    },
  };
}
