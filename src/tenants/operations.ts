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
    { tenant: "", list: "tenants" },
    page,
    (span) => listTenants(store.db, span),
    (row) => row.name,
    present,
  );
}

function present(row: TenantRow): Tenant {
  return { ...row, oldest_due_at: row.oldest_due_at?.toISOString() ?? null };
}
