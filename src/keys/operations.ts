// What can be done with API keys. They are the service's own: an admin sees those of every tenant.
import { invalid, PosthornError } from "../kernel/errors.ts";
import { formatId } from "../kernel/ids.ts";
import { readPage } from "../kernel/lists.ts";
import { WITHOUT_TENANT } from "../kernel/scopes.ts";
import type { Owner } from "../kernel/shares.ts";
import { answerOnce } from "../store/answer-once.ts";
import { createKey, listKeys, revokeKey, type KeyRow } from "../store/keys.ts";
import type { TenantStore } from "../store/tenant.ts";
import type { ApiKey, CreateInput, ListInput } from "./schema.ts";

/** The store, and the tenant that a key gets where the request names none. */
export type KeysContext = Pick<TenantStore, "db" | "sealer" | "cursors" | "room" | "tenant"> & {
  owner: Owner;
  /** Set where there are several databases: the store of the one that a tenant's keys are in. */
  of?: (tenant: string | null) => Promise<KeysContext>;
};

/** Makes a key; the answer is the only place where it can be read. */
export async function create(
  { of, ...from }: KeysContext,
  input: CreateInput,
): Promise<ApiKey & { key: string }> {
  const { name, scope, tenant, expires_at: expiresAt = null } = input;
  const whyNone = WITHOUT_TENANT[scope];
  if (whyNone !== undefined && tenant !== undefined) throw invalid("tenant", whyNone);
  const owner = whyNone !== undefined ? null : (tenant ?? from.tenant);
  const context = of ? await of(owner) : from;
  const asked = { store: context, owner: context.owner, operation: "keys.create", input };
  return answerOnce<ApiKey & { key: string }>(asked, async (transact) => {
    const { answer } = await transact(async (trx) => {
      const made = await createKey(trx, { name, scope, tenant: owner, expiresAt });
      if (!made) throw invalid("expires_at", "this is past; a time in the future is needed");
      return { answer: { ...present(made.row), key: made.key }, shows: made.row.id };
    });
    return answer;
  });
}

export function list(store: KeysContext, input: ListInput) {
  const { cursor, page_size, ...filter } = input;
  return readPage(
    store,
    { tenant: "", list: "keys", filter },
    { cursor, page_size },
    ({ after, limit }) => listKeys(store.db, { ...filter, before: after ?? undefined, limit }),
    (row) => row.id,
    present,
  );
}

/** Ends a key: no process takes it from now on. Saying it twice is saying it once. */
export async function revoke({ db }: KeysContext, id: string): Promise<ApiKey> {
  const row = await revokeKey(db, id);
  if (row) return present(row);
  throw new PosthornError(
    "key_not_found",
    `no API key has the id ${formatId("key", id)}; keys.list shows those there are`,
  );
}

function present(row: KeyRow): ApiKey {
  return {
    id: formatId("key", row.id),
    name: row.name,
    scope: row.scope,
    tenant: row.tenant,
    expires_at: row.expires_at?.toISOString() ?? null,
    created_at: row.created_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
    last_used_at: row.last_used_at?.toISOString() ?? null,
    is_portal: row.is_portal,
  };
}
