// Permits that many share: whoever asks for more than others waits longer, and for none of them does it wait for ever.
import { monotonic } from "./clock.ts";
import { SECOND } from "./duration.ts";
import { PosthornError } from "./errors.ts";

/** Who asks for a permit. Of those with one `subject` one at a time has one: the others would only wait for its lock. */
export type Owner = { tenant: string; key: string; subject?: string | undefined };

export type Shares = {
  /** Does the work when there is a permit for it; rejects with the 429 where too many wait, or none comes free in time. */
  take<T>(owner: Owner, work: () => Promise<T>): Promise<T>;
};

const WAIT_MS = 5 * SECOND; // most calls take some milliseconds; a caller that waits for longer has given up, or should
const WAITING_PER_TENANT_MAX = 200;
const WAITING_PER_KEY_MAX = 100;
const WAITING_MAX = 2_000; // of a process, so that many tenants can't fill its memory; looked through in 0.1 ms
const RETRY_AFTER_S = 1;

/** For how long a permit stays empty after work that took so long. */
export type RestAfter = (tookMs: number) => number;

type Part = { name: string; permits: number; waiting: number };
type Asking = { parts: Part[]; start: () => void };

/** All but one of so many, but one at least. */
export function allButOne(permits: number): number {
  return Math.max(1, permits - 1);
}

/**
 * Makes permits. A tenant has all but one of them at most, and one key all but one of those, so that there is always one for
 * somebody else. One that comes free goes to whose tenant has the fewest then, among those to whose key has the fewest, and
 * among those to who came first. After long work a permit may have to rest, so that those who ask for nothing else leave something
 * of the database to others.
 */
export function createShares(
  permits: number,
  restMs: RestAfter = () => 0,
  clock = monotonic,
): Shares {
  const perTenant = allButOne(permits);
  const perKey = allButOne(perTenant);
  const taken = new Map<string, number>(); // by the name of a part
  const waiting = new Map<string, number>();
  const queue = new Set<Asking>(); // in the order of asking
  let free = permits;

  const partsOf = ({ tenant, key, subject }: Owner): Part[] => [
    { name: `tenant ${tenant}`, permits: perTenant, waiting: WAITING_PER_TENANT_MAX },
    { name: `key ${tenant} ${key}`, permits: perKey, waiting: WAITING_PER_KEY_MAX },
    ...(subject === undefined
      ? []
      : [{ name: `subject ${tenant} ${subject}`, permits: 1, waiting: WAITING_PER_KEY_MAX }]),
  ];
  const has = (part: Part | undefined) => taken.get(part?.name ?? "") ?? 0;
  const fits = (parts: Part[]) => free > 0 && parts.every((part) => has(part) < part.permits);

  function occupy(parts: Part[]): void {
    free--;
    for (const { name } of parts) add(taken, name, 1);
  }

  // Whoever had it may ask for others while the permit itself rests.
  function leave(parts: Part[], restsMs: number): void {
    for (const { name } of parts) add(taken, name, -1);
    if (restsMs > 0) setTimeout(comeFree, restsMs).unref();
    else comeFree();
  }

  function comeFree(): void {
    free++;
    for (let next = nextOf(); next; next = nextOf()) next.start();
  }

  function nextOf(): Asking | undefined {
    let next: Asking | undefined;
    for (const asking of queue)
      if (fits(asking.parts) && (!next || goesBefore(asking, next))) next = asking;
    return next;
  }

  function goesBefore({ parts: [tenant, key] }: Asking, { parts: other }: Asking): boolean {
    const byTenant = has(tenant) - has(other[0]);
    return byTenant < 0 || (byTenant === 0 && has(key) < has(other[1]));
  }

  function wait(parts: Part[]): Promise<void> {
    if (
      queue.size >= WAITING_MAX ||
      parts.some((part) => (waiting.get(part.name) ?? 0) >= part.waiting)
    )
      return Promise.reject(tooMany("more calls of this API key or its tenant wait than may"));
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        queue.delete(asking);
        for (const { name } of parts) add(waiting, name, -1);
      };
      const start = () => {
        end();
        occupy(parts);
        resolve();
      };
      const timer = setTimeout(() => {
        end();
        reject(
          tooMany(
            `its turn did not come within ${WAIT_MS / SECOND} s, since this API key, its tenant or others ask for much at a time`,
          ),
        );
      }, WAIT_MS);
      const asking = { parts, start };
      queue.add(asking);
      for (const { name } of parts) add(waiting, name, 1);
    });
  }

  return {
    async take(owner, work) {
      const parts = partsOf(owner);
      if (fits(parts)) occupy(parts);
      else await wait(parts);
      const startedAt = clock();
      try {
        return await work();
      } finally {
        leave(parts, restMs(clock() - startedAt));
      }
    },
  };
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}

function tooMany(why: string): PosthornError {
  return new PosthornError("rate_limited", `${why}; come again after the time in Retry-After`, {
    retryAfterS: RETRY_AFTER_S,
  });
}
