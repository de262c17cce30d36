// API keys: kept as SHA-256, found by it, shown once when made.
import { createHash, randomBytes } from "node:crypto";

import { sql } from "kysely";

import type { Db } from "./connect.ts";
import type { KeyScope } from "../kernel/scopes.ts";

export type ApiKey = { id: string; name: string; scope: KeyScope; tenant: string | null };
export type NewKey = Omit<ApiKey, "id"> & { expiresAt: Date | null };

const RANDOM_BYTES = 24; // 192 bits: not to be guessed, and no salt needed (NIST SP 800-63B)

/** Makes a key. `key` is the only copy of it that there will ever be. */
export async function createKey(
  db: Db,
  fields: NewKey,
): Promise<ApiKey & { key: string; created_at: Date }> {
  const key = `phk_${fields.scope}_${randomBytes(RANDOM_BYTES).toString("base64url")}`;
  const { rows } = await sql<ApiKey & { created_at: Date }>`
    insert into posthorn.keys (id, name, scope, tenant, hash, created_at, expires_at)
    select posthorn.uuid_v7(now(), 0), ${fields.name}, ${fields.scope}, ${fields.tenant}, ${hashKey(key)}, now(), ${fields.expiresAt}
    returning id, name, scope, tenant, created_at`.execute(db);
  const [row] = rows;
  if (!row) throw new Error("an insert without a row");
  return { ...row, key };
}

/** The key that this text is, or undefined where there is none, it has expired or was revoked. */
export async function findKey(db: Db, key: string): Promise<ApiKey | undefined> {
  const { rows } = await sql<ApiKey>`
    select id, name, scope, tenant from posthorn.keys
    where hash = ${hashKey(key)} and revoked_at is null and (expires_at is null or expires_at > now())`.execute(
    db,
  );
  return rows[0];
}

/** Makes an admin key where there is none that works; answers it, or null. Two starts at once make one. */
export function createFirstAdminKey(db: Db): Promise<string | null> {
  return db.transaction().execute(async (trx) => {
    await sql`select pg_advisory_xact_lock(hashtextextended('posthorn first admin key', 0))`.execute(
      trx,
    );
    const { rows } = await sql`
      select from posthorn.keys
      where scope = 'admin' and revoked_at is null and (expires_at is null or expires_at > now()) limit 1`.execute(
      trx,
    );
    if (rows.length > 0) return null;
    const { key } = await createKey(trx, {
      name: "first admin key",
      scope: "admin",
      tenant: null,
      expiresAt: null,
    });
    return key;
  });
}

function hashKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
