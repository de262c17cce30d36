// Who asks: what the key is and may do, and how the service is set.
import { formatId } from "../kernel/ids.ts";
import type { KeyScope } from "../kernel/scopes.ts";
import { VERSION } from "../kernel/version.ts";
import { findKey } from "../store/keys.ts";
import { readNow } from "../store/stats.ts";
import type { Reach, TenantStore } from "../store/tenant.ts";
import { findPublicIds } from "../store/webhooks.ts";
import { CONFIGURED_KEY } from "../store/webhook-changes.ts";
import type { Rules, Session } from "./schema.ts";

export type SessionContext = {
  store: TenantStore;
  scope: KeyScope;
  rules: Rules;
  /** Where the key is kept, if elsewhere than what its tenant has. */
  keyStore?: () => Pick<TenantStore, "db">;
  /** What keeps this process from sending as a whole. */
  readHold: () => Promise<{ reason: Session["sending_held"] } | null>;
};

/** Answers who asks, and what a page has to know of the service; no secret is part of it. */
export async function info({
  store,
  keyStore = () => store,
  scope,
  rules,
  readHold,
}: SessionContext): Promise<Session> {
  const { db, tenant, reach, keyId } = store;
  const key = keyId === CONFIGURED_KEY.id ? undefined : await findKey(keyStore().db, keyId);
  const now = await readNow(db);
  return {
    scope,
    tenant,
    is_bound: scope !== "admin",
    portal: reach.isPortal ? { webhook_ids: await seenIds(db, reach) } : null,
    key: {
      id: key ? formatId("key", key.id) : null,
      name: key?.name ?? CONFIGURED_KEY.name,
      expires_at: key?.expires_at?.toISOString() ?? null,
    },
    now: now.toISOString(),
    version: VERSION,
    sending_held: (await readHold())?.reason ?? null,
    settings: rules,
  };
}

async function seenIds(db: TenantStore["db"], reach: Reach): Promise<string[] | null> {
  return reach.webhooks && (await findPublicIds(db, reach));
}
