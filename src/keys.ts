// API keys as the service uses them: the admin's from the configuration, all others from the database.
import { createHash, timingSafeEqual } from "node:crypto";

import type { FindKey } from "./http/auth.ts";
import type { Db } from "./store/connect.ts";
import { createFirstAdminKey, findKey } from "./store/keys.ts";

/** Finds keys; none is remembered, so that a revoked one is refused at once everywhere. */
export function keyFinder(db: Db, adminKey: string | null): FindKey {
  const admin = adminKey === null ? undefined : digest(adminKey);
  return async (key) => {
    if (admin && timingSafeEqual(admin, digest(key))) return { scope: "admin", tenant: null };
    return findKey(db, key);
  };
}

/** Sees to it that there is an admin key; answers the one it had to make. */
export async function ensureAdminKey(db: Db, configured: string | null): Promise<string | null> {
  return configured === null ? createFirstAdminKey(db) : null;
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
