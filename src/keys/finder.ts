// API keys as the service uses them: the admin's from the configuration, all others from the database.
import { createHash, timingSafeEqual } from "node:crypto";

import type pg from "pg";

import type { MonotonicClock } from "../kernel/clock.ts";
import { MINUTE } from "../kernel/duration.ts";
import { createGatherer } from "../kernel/gather.ts";
import { PUBLISHERS, type FindKey, type KnownKey } from "../kernel/scopes.ts";
import type { Db } from "../database/connect.ts";
import { createFirstAdminKey, findKeys } from "../store/keys.ts";

const CONFIGURED = "admin"; // the id of the key that no database is asked for
const KEYS_MAX = 100; // looked for by one statement
const LATELY_MS = 1 * MINUTE;
const LATELY_MAX = 10_000; // keys that publish; one forgotten is looked for

/**
 * Finds keys; none is remembered, so that a revoked one is refused at once everywhere: each is looked for by a statement
 * that starts after its request came, though one for several requests where many come at once. `used` is called with the id of
 * each that is found.
 */
export function keyFinder(
  pool: pg.Pool,
  adminKey: string | null,
  used: (id: string) => void,
): FindKey {
  const admin = adminKey === null ? undefined : digest(adminKey);
  const find = createGatherer({
    run: (_lane, keys: string[]) => findKeys(pool, keys),
    itemsMax: KEYS_MAX,
    isRefusal: () => false,
  });
  return async (key) => {
    if (admin && timingSafeEqual(admin, digest(key)))
      return { id: CONFIGURED, scope: "admin", tenant: null, portal: null };
    const found = await find("", key);
    if (found) used(found.id);
    return found && { ...found, portal: found.is_portal ? { webhooks: found.webhook_ids } : null };
  };
}

/**
 * Finds the keys of calls that publish. One that was valid within the last minute is not looked for: the statement that stores judges
 * it, which spares a round trip, and lets its calls wait while the database is away.
 */
export function publishersKeyFinder(findKey: FindKey, monotonic: MonotonicClock): FindKey {
  const valid = new Map<string, { key: KnownKey; at: number }>(); // by the key's hash, the latest last

  async function find(name: string, given: string): Promise<KnownKey | undefined> {
    const key = await findKey(given);
    valid.delete(name);
    if (!key || key.id === CONFIGURED || !PUBLISHERS.includes(key.scope)) return key;
    valid.set(name, { key, at: monotonic() });
    const [oldest] = valid.keys();
    if (valid.size > LATELY_MAX && oldest !== undefined) valid.delete(oldest);
    return key;
  }

  return async (given) => {
    const name = digest(given).toString("base64");
    const known = valid.get(name);
    if (!known || monotonic() - known.at > LATELY_MS) return find(name, given);
    const isStill = async () => (await find(name, given))?.id === known.key.id;
    return { ...known.key, isStill };
  };
}

/** Sees to it that there is an admin key; answers the one it had to make. */
export async function ensureAdminKey(db: Db, configured: string | null): Promise<string | null> {
  return configured === null ? createFirstAdminKey(db) : null;
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
