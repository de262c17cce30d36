// What admins ask of all tenants.
import { readPage } from "../kernel/lists.ts";
import type { TenantStore } from "../store/tenant.ts";
import { listTenants, type TenantRow } from "../store/tenants.ts";
import type { ListInput, Tenant } from "./schema.ts";

export type TenantsContext = Pick<TenantStore, "db" | "cursors" | "room">;

/** A page of tenants by name, each with what whoever is paged wants to know of it. */
export function list(store: TenantsContext, page: ListInput) {
  return readPage(
    store,
    { tenant: "", list: "tenants", isRising: true },
    page,
    (span) => listTenants(store.db, span),
    (row) => row.name,
    present,
  );
}

/** What one tenant has in two databases, as where it has moved. */
export function together(one: Tenant, other: Tenant): Tenant {
  const [first = null] = [one.oldest_due_at, other.oldest_due_at]
    .filter((at) => at !== null)
    .sort();
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
