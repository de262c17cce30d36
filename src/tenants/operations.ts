// What admins ask of all tenants.
import { readPage } from "../kernel/lists.ts";
import type { TenantStore } from "../store/tenant.ts";
import { listTenants, type TenantRow } from "../store/tenants.ts";
import type { ListInput, Tenant } from "./schema.ts";

export type TenantsContext = Pick<TenantStore, "db" | "cursors" | "room"> & {
  /** Set where there are several databases. */
  everywhere?: () => readonly TenantStore["db"][];
};

/** A page of tenants by name, each with what whoever is paged wants to know of it. */
export function list(store: TenantsContext, page: ListInput) {
  return readPage(
    store,
    { tenant: "", list: "tenants" },
    page,
    async (span) => {
      const databases = store.everywhere ? store.everywhere() : [store.db];
      const found = await Promise.all(databases.map((db) => listTenants(db, span)));
      return found.length === 1 ? found.flat() : merged(found.flat()).slice(0, span.limit);
    },
    (row) => row.name,
    present,
  );
}

// By name. What one tenant has in several databases, as where it has moved, is told together.
function merged(rows: readonly TenantRow[]): TenantRow[] {
  const byName = new Map<string, TenantRow>();
  for (const row of rows) {
    const known = byName.get(row.name);
    byName.set(row.name, known ? together(known, row) : row);
  }
  return [...byName.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

function together(one: TenantRow, other: TenantRow): TenantRow {
  const [first = null] = [one.oldest_due_at, other.oldest_due_at]
    .filter((at) => at !== null)
    .sort((a, b) => a.getTime() - b.getTime());
  return {
    name: one.name,
    webhooks: one.webhooks + other.webhooks,
    backlog: one.backlog + other.backlog,
    oldest_due_at: first,
    dead_24h: one.dead_24h + other.dead_24h,
  };
}

function present(row: TenantRow): Tenant {
  return { ...row, oldest_due_at: row.oldest_due_at?.toISOString() ?? null };
}
