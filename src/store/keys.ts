// API keys: kept as SHA-256, found by it, shown once when made.
import { createHash, randomBytes } from "node:crypto";

import { sql } from "kysely";
import type pg from "pg";

import { plainArray } from "../database/array-literal.ts";
import type { Db } from "../database/connect.ts";
import { lock, LOCK } from "../database/locks.ts";
import { TENANT_PATTERN } from "../kernel/fields.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { dropAnswers } from "./kept-answers.ts";
import { stay } from "./stay.ts";

export type KeyRow = {
  id: string;
  name: string;
  scope: KeyScope;
  tenant: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  last_used_at: Date | null;
  is_portal: boolean;
  webhook_ids: number[] | null;
};

export type NewKey = Pick<KeyRow, "name" | "scope" | "tenant"> & { expiresAt: Date | null };

/** How exact the time is at which a key was last used: a busy key costs one write in it, whatever it asks. */
export const USED_EVERY_S = 60;

const RANDOM_BYTES = 24; // 192 bits: not to be guessed, and no salt needed (NIST SP 800-63B)

// Named one by one: the hash leaves the database for nobody.
const COLUMNS = sql`id, name, scope, tenant, created_at, expires_at, revoked_at, last_used_at, is_portal, to_json(webhook_ids) as webhook_ids`;

/**
 * Makes a key. `key` is the only copy of it that there will ever be. Answers undefined where `expiresAt` is past by
 * the database's clock.
 */
export async function createKey(
  db: Db,
  { name, scope, tenant, expiresAt }: NewKey,
): Promise<{ row: KeyRow; key: string } | undefined> {
  const key = keyText(scope, tenant, randomBytes(RANDOM_BYTES).toString("base64url"));
  const { rows } = await sql<KeyRow>`
    insert into posthorn.keys (id, name, scope, tenant, hash, created_at, expires_at)
    select posthorn.uuid_v7(clock.at, 0), ${name}, ${scope}, ${tenant}, ${hashKey(key)}, clock.at, ${expiresAt}
    from (select clock_timestamp() as at) as clock
    where coalesce(${expiresAt}::timestamptz > clock.at, true)
    returning ${COLUMNS}`.execute(db);
  return rows[0] && { row: rows[0], key };
}

/** A key's text. It names its tenant in letters and digits alone, since a tenant's name is ASCII without what would need more. */
export function keyText(kind: string, tenant: string | null, secret: string): string {
  return `phk_${kind}_${tenant === null ? "" : `${encoded(tenant)}_`}${secret}`;
}

/** A portal link's token, which names its tenant as a key does. */
export const linkText = (tenant: string, secret: string) => `phl_${encoded(tenant)}_${secret}`;

const encoded = (tenant: string) => Buffer.from(tenant).toString("base64url");

const TENANT_NAMED =
  /^(?:phk_portal_(?<session>[A-Za-z0-9]+)_[\w-]{43}|(?:phk_(?!portal)[a-z]+|phl)_(?<own>[A-Za-z0-9]+)_[\w-]{32})$/;

/** The tenant that a key, or a link's token, names; null where it names none, as those of admins do not. */
export function tenantNamedBy(key: string): string | null {
  const { session, own } = TENANT_NAMED.exec(key)?.groups ?? {};
  const tenant = Buffer.from(session ?? own ?? "", "base64url").toString();
  return TENANT_PATTERN.test(tenant) ? tenant : null;
}

/** Keys of every tenant, newest first, those before the id `before` only. */
export async function listKeys(
  db: Db,
  filter: {
    tenant?: string | undefined;
    scope?: KeyScope | undefined;
    before?: string | undefined;
    limit: number;
  },
): Promise<KeyRow[]> {
  const conditions = [
    sql`true`,
    filter.tenant !== undefined && sql`tenant = ${filter.tenant}`,
    filter.scope !== undefined && sql`scope = ${filter.scope}`,
    filter.before !== undefined && sql`id < ${filter.before}`,
  ].filter((condition) => condition !== false);
  const { rows } = await sql<KeyRow>`
    select ${COLUMNS} from posthorn.keys where ${sql.join(conditions, sql` and `)}
    order by id desc limit ${filter.limit}`.execute(db);
  return rows;
}

/** A key by its id, or undefined. */
export async function findKey(db: Db, id: string): Promise<KeyRow | undefined> {
  const { rows } = await sql<KeyRow>`
    select ${COLUMNS} from posthorn.keys where id = ${id}`.execute(db);
  return rows[0];
}

/** Ends a key, and answers it; the first time that it was ended stays. Undefined where there is none. */
export async function revokeKey(db: Db, id: string): Promise<KeyRow | undefined> {
  return db.transaction().execute(async (trx) => {
    await dropAnswers(trx, id);
    const { rows } = await sql<KeyRow>`
      update posthorn.keys set revoked_at = coalesce(revoked_at, now()) where id = ${id}
      returning ${COLUMNS}`.execute(trx);
    const [row] = rows;
    if (row && row.tenant !== null) await stay(trx, row.tenant);
    return row;
  });
}

/** What a key opens. */
export type FoundKey = Pick<KeyRow, "id" | "scope" | "tenant" | "is_portal" | "webhook_ids">;

/**
 * The keys that these texts are, in their order; undefined where there is none, it has expired or was revoked. Prepared by name: nearly
 * each request asks it, and to plan it took longer than to answer it.
 */
export async function findKeys(
  pool: pg.Pool,
  keys: readonly string[],
): Promise<(FoundKey | undefined)[]> {
  const { rows } = await pool.query<FoundKey | { id: null }>({
    name: "find keys",
    text: `select id, scope, tenant, is_portal, to_json(webhook_ids) as webhook_ids
      from unnest($1::text[]) with ordinality as given (digest, item)
      left join lateral (
        select * from posthorn.keys as k
        where k.hash = decode(given.digest, 'hex') and k.revoked_at is null
          and (k.expires_at is null or k.expires_at > now())
        offset 0
      ) as found on true
      order by given.item`,
    values: [plainArray(keys.map((key) => hashKey(key).toString("hex")))],
  });
  return rows.map((row) => (row.id === null ? undefined : row));
}

/** Writes down that these keys are in use now. One that another process is writing down, or has just, is left to it. */
export async function markUsed(pool: pg.Pool, ids: readonly string[]): Promise<void> {
  await pool.query({
    name: "mark keys used",
    text: `with used as (
        select id from posthorn.keys
        where id = any($1::uuid[]) and (last_used_at is null or last_used_at < now() - interval '${USED_EVERY_S} s')
        order by id for update skip locked
      )
      update posthorn.keys as k set last_used_at = now() from used where k.id = used.id`,
    values: [plainArray(ids)],
  });
}

/** Makes an admin key where there is none that works; answers it, or null. Two starts at once make one. */
export function createFirstAdminKey(db: Db): Promise<string | null> {
  return db.transaction().execute(async (trx) => {
    await lock(trx, LOCK["first admin key"]);
    const { rows } = await sql`
      select from posthorn.keys
      where scope = 'admin' and revoked_at is null and (expires_at is null or expires_at > now()) limit 1`.execute(
      trx,
    );
    if (rows.length > 0) return null;
    const made = await createKey(trx, {
      name: "first admin key",
      scope: "admin",
      tenant: null,
      expiresAt: null,
    });
    return made?.key ?? null;
  });
}

/** What is kept of a key. */
export function hashKey(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
