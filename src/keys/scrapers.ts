// The keys of those who scrape: one that was valid lately still is while the database is away, when metrics are needed most.
import { createHash } from "node:crypto";

import type { MonotonicClock } from "../kernel/clock.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import { isDatabaseAway } from "../kernel/faults.ts";
import type { FindKey, KnownKey } from "../kernel/scopes.ts";

const REMEMBERED_MS = 10 * MINUTE;
const REMEMBERED_MAX = 100; // keys; a scrape configuration has one
const WAIT_MS = 1 * SECOND; // for a database that says nothing: a scrape has ten seconds

/** Finds keys as `findKey` does. Of the scope `metrics` alone it remembers for ten minutes which were valid. */
export function rememberScrapers(findKey: FindKey, monotonic: MonotonicClock): FindKey {
  const valid = new Map<string, { key: KnownKey; at: number }>(); // by the key's hash, the latest last

  function remember(name: string, key: KnownKey | undefined): void {
    valid.delete(name);
    if (key?.scope !== "metrics") return;
    valid.set(name, { key, at: monotonic() });
    const [oldest] = valid.keys();
    if (valid.size > REMEMBERED_MAX && oldest !== undefined) valid.delete(oldest);
  }

  function remembered(name: string): KnownKey | undefined {
    const found = valid.get(name);
    return found && monotonic() - found.at < REMEMBERED_MS ? found.key : undefined;
  }

  return async (given) => {
    const name = createHash("sha256").update(given).digest("hex");
    const asked = findKey(given).then((key) => {
      remember(name, key);
      return key;
    });
    const known = remembered(name);
    if (!known) return asked;
    return orAfter(WAIT_MS, asked, known).catch((error: unknown) => {
      if (isDatabaseAway(error)) return known;
      throw error;
    });
  };
}

// What comes of `work` later is of no more interest.
async function orAfter<T>(ms: number, work: Promise<T>, otherwise: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, ms, otherwise);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
