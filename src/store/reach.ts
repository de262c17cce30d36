// Whose things a request sees: the one wall between tenants, and between some webhooks of one and the rest. Whatever finds what a
// request names, or lists what there is, takes a reach in place of a tenant's name, so that no statement can forget the wall.
import { sql, type RawBuilder } from "kysely";

import { BUCKET, type Reach } from "./tenant.ts";

export type { Reach } from "./tenant.ts";

/** The reach of a tenant's own keys. */
export function wholeTenant(tenant: string): Reach {
  return { tenant, webhooks: null, isPortal: false };
}

/** Whether some of the tenant's events are none for this reach. */
export function hidesEvents({ webhooks, isPortal }: Reach): boolean {
  return webhooks !== null || isPortal;
}

/** Whose a row is, as an answer over all tenants tells it. */
export function tellTenant(reach: Reach, { tenant }: { tenant: string }): { tenant?: string } {
  return reach.tenant === null ? { tenant } : {};
}

/** The condition of a webhook's row to be seen; `of` is what the statement calls it. */
export function isSeenWebhook({ tenant, webhooks }: Reach, of?: string): RawBuilder<boolean> {
  return and([
    tenant === null ? undefined : sql`${column("tenant", of)} = ${tenant}`,
    webhooks === null ? undefined : sql`${column("webhook_id", of)} = any (${webhooks}::bigint[])`,
  ]);
}

/** The condition of a row of the tables that are keyed by bucket, tenant and id to be of the tenant; of its webhook nothing is said. */
export function isOfTenant({ tenant }: Reach, of?: string): RawBuilder<boolean> {
  // What holds for every row is the predicate of the indexes over all tenants: only who says it is offered them.
  return tenant === null
    ? sql`${column("bucket", of)} = ${BUCKET} and ${column("created_at", of)} > '-infinity'`
    : sql`${column("bucket", of)} = ${BUCKET} and ${column("tenant", of)} = ${tenant}`;
}

/** The same, and the condition of its webhook to be seen. */
export function isSeenRow(reach: Reach, of?: string): RawBuilder<boolean> {
  return and([isOfTenant(reach, of), isSeenWebhook({ ...reach, tenant: null }, of)]);
}

/** Whether a type, or a prefix of types, is one of the service's own events. */
export function isOwnType(type: string): boolean {
  return type.startsWith("webhook.") || type.startsWith("delivery.");
}

/** The condition of an event's type not to be one of the service's own, where those are not seen. */
export function isSeenType({ isPortal }: Reach): RawBuilder<boolean> {
  return isPortal
    ? sql`not (starts_with(type, 'webhook.') or starts_with(type, 'delivery.'))`
    : sql`true`;
}

const column = (name: string, of?: string) => sql.ref(of === undefined ? name : `${of}.${name}`);

function and(conditions: (RawBuilder<unknown> | undefined)[]): RawBuilder<boolean> {
  const given = conditions.filter((condition) => condition !== undefined);
  return given.length === 0 ? sql`true` : sql<boolean>`${sql.join(given, sql` and `)}`;
}
