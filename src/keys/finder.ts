// API keys as the service uses them: the admin's from the configuration, all others from the database.
import { createHash, timingSafeEqual } from "node:crypto";

import { createGatherer } from "../kernel/gather.ts";
import type { FindKey } from "../kernel/scopes.ts";
import type { Db } from "../database/connect.ts";
import { createFirstAdminKey, findKeys } from "../store/keys.ts";

const KEYS_MAX = 100; // looked for by one statement

/**
 * Finds keys; none is remembered, so that a revoked one is refused at once everywhere: each is looked for by a statement
 * that starts after its request came, though one for several requests where many come at once.
 */
export function keyFinder(db: Db, adminKey: string | null): FindKey {
  const admin = adminKey === null ? undefined : digest(adminKey);
  const find = createGatherer({
    run: (_lane, keys: string[]) => findKeys(db, keys),
    itemsMax: KEYS_MAX,
    isRefusal: () => false,
  });
  return async (key) => {
    if (admin && timingSafeEqual(admin, digest(key)))
      return { id: "admin", scope: "admin", tenant: null, portal: null };
    const found = await find("", key);
    return found && { ...found, portal: found.is_portal ? { webhooks: found.webhook_ids } : null };
  };
}

/** Sees to it that there is an admin key; answers the one it had to make. */
export async function ensureAdminKey(db: Db, configured: string | null): Promise<string | null> {
  return configured === null ? createFirstAdminKey(db) : null;
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
