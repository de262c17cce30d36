// Links into the portal, and the sessions that they become. Of a token, a nonce and a key its SHA-256 alone is kept.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { MINUTE, SECOND } from "../kernel/duration.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { hashKey } from "./keys.ts";

const NAME = "portal"; // of its key, as a webhook's history tells it
const AGAIN_MS = 1 * MINUTE; // in which an answer that was lost is asked for again

export type NewLink = {
  token: string;
  tenant: string;
  scope: KeyScope;
  /** Internal ids; null: the whole tenant. */
  webhooks: readonly number[] | null;
  linkS: number;
  sessionS: number;
  returnUrl: string | null;
};

/** Keeps a link; answers the id of its key, and until when it can be opened. */
export async function insertLink(db: Db, link: NewLink): Promise<{ keyId: string; until: Date }> {
  const { rows } = await sql<{ keyId: string; until: Date }>`
    with key as (
      insert into posthorn.keys (id, name, scope, tenant, created_at, expires_at, is_portal, webhook_ids)
      select posthorn.uuid_v7(clock.at, 0), ${NAME}, ${link.scope}, ${link.tenant}, clock.at,
        clock.at + ${link.linkS}::integer * interval '1 second', true, ${link.webhooks}::bigint[]
      from (select clock_timestamp() as at offset 0) as clock
      returning id, expires_at
    )
    insert into posthorn.portal_links (key_id, token_hash, session_s, expires_at, return_url)
    select id, ${hashKey(link.token)}, ${link.sessionS}, expires_at, ${link.returnUrl} from key
    returning key_id as "keyId", expires_at as until`.execute(db);
  const [made] = rows;
  if (!made) throw new Error("an insert without a row");
  return made;
}

/** A link that was opened, as the session that it is now. */
export type Opened = {
  key_id: string;
  scope: KeyScope;
  tenant: string;
  expires_at: Date;
  return_url: string | null;
};

type LinkRow = Opened & {
  is_open: boolean;
  is_over: boolean;
  opened_ago_ms: number;
  nonce_hash: Buffer | null;
  session_s: number;
};

/**
 * Opens a link: its session begins with this key. Again within a minute, by who has the same nonce, it answers the same. "used"
 * afterwards, and by everybody else; undefined where there is no such link, or it can't be opened any more.
 */
export function openLink(
  db: Db,
  { token, nonce, key }: { token: string; nonce: string; key: string },
): Promise<Opened | "used" | undefined> {
  return db.transaction().execute(async (trx) => {
    const { rows } = await sql<LinkRow>`
      select l.key_id, k.scope, k.tenant, k.expires_at, l.return_url, l.nonce_hash, l.session_s, l.opened_at is not null as is_open,
        k.expires_at <= clock_timestamp() as is_over,
        (extract(epoch from clock_timestamp() - l.opened_at) * ${SECOND})::double precision as opened_ago_ms
      from posthorn.portal_links as l join posthorn.keys as k on k.id = l.key_id
      where l.token_hash = ${hashKey(token)} and k.revoked_at is null
      for update of l`.execute(trx);
    const [link] = rows;
    if (!link) return undefined;
    const { key_id, scope, tenant, return_url } = link;
    if (link.is_open) {
      const isSame = link.nonce_hash?.equals(hashKey(nonce)) && link.opened_ago_ms <= AGAIN_MS;
      if (!isSame || link.is_over) return "used";
      return { key_id, scope, tenant, return_url, expires_at: link.expires_at };
    }
    if (link.is_over) return undefined;
    await sql`
      update posthorn.portal_links set opened_at = clock_timestamp(), nonce_hash = ${hashKey(nonce)}
      where key_id = ${key_id}`.execute(trx);
    const begun = await sql<{ expires_at: Date }>`
      update posthorn.keys
      set hash = ${hashKey(key)}, expires_at = clock_timestamp() + ${link.session_s}::integer * interval '1 second'
      where id = ${key_id} returning expires_at`.execute(trx);
    const expires_at = begun.rows[0]?.expires_at ?? link.expires_at;
    return { key_id, scope, tenant, return_url, expires_at };
  });
}
