// The tenants that there are: a tenant exists by being named, so no table lists them. Each index that begins with the tenant's
// name is asked for the next one, whatever lies between.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import { DAY, HOUR } from "../kernel/duration.ts";
import { DEFAULT_TENANT } from "../kernel/fields.ts";
import { lowestUuidAt } from "../kernel/ids.ts";
import { readNow, startOfRecent, WHOLE_TENANT } from "./stats.ts";
import { BUCKET } from "./tenant.ts";

/** What is counted of a tenant, and up to where: a page has two hundred tenants, and takes some ten milliseconds. */
export const COUNTED_MAX = { webhooks: 10_000, backlog: 1_000 } as const;

const WEBHOOKS_LOOKED_AT = 1_000; // of a tenant, for what is due: a probe each

export type TenantRow = {
  name: string;
  webhooks: number;
  backlog: number;
  oldest_due_at: Date | null;
  dead_24h: number;
};

const BEFORE_ALL = "*"; // the shared types' tenant, which no tenant's name comes before

/** Tenants by name, those after `after` only: all that have a webhook, a key, a type of their own, a publisher, or events of late. */
export async function listTenants(
  db: Db,
  { after, limit }: { after: string | null; limit: number },
): Promise<TenantRow[]> {
  const now = await readNow(db);
  const { rows } = await sql<TenantRow>`
    with recursive names (name) as (
      select ${nextTenant(sql`${after ?? BEFORE_ALL}`, now)}
      union all
      select ${nextTenant(sql`names.name`, now)} from names where names.name is not null
    ),
    page as materialized (select name from names where name is not null limit ${limit})
    select page.name, (
        select count(*) from (
          select from posthorn.webhooks as w
          where w.tenant = page.name and w.deleted_at is null limit ${COUNTED_MAX.webhooks}
        ) as counted
      )::integer as webhooks, (
        select count(*) from (
          select from posthorn.deliveries as d
          where d.bucket = ${BUCKET} and d.tenant = page.name limit ${COUNTED_MAX.backlog}
        ) as counted
      )::integer as backlog, (
        select min(first.due_at)
        from (
          select w.webhook_id from posthorn.webhooks as w
          where w.tenant = page.name and w.deleted_at is null limit ${WEBHOOKS_LOOKED_AT}
        ) as w
        cross join lateral (
          select d.due_at from posthorn.deliveries as d
          where d.bucket = ${BUCKET} and d.state = 0 and d.webhook_id = w.webhook_id
            and (d.locked_until is null or d.locked_until < now())
          order by d.due_at, d.id limit 1
        ) as first
        where first.due_at <= now()
      ) as oldest_due_at, (
        select coalesce(sum(s.dead), 0) from posthorn.stats_hours as s
        where s.bucket = ${BUCKET} and s.tenant = page.name and s.webhook_id = ${WHOLE_TENANT}
          and s.at >= ${startOfRecent(now)} and s.at < ${new Date(now.getTime() + HOUR)}
      )::integer as dead_24h
    from page order by page.name`.execute(db);
  return rows;
}

// The least name behind another one. Of events whole days are looked at, so that no index is read past what it is asked for.
function nextTenant(name: RawBuilder<unknown>, now: Date): RawBuilder<unknown> {
  const today = Math.floor(now.getTime() / DAY) * DAY;
  const [since, until] = [today - DAY, today + DAY].map((at) => lowestUuidAt(new Date(at)));
  const next = (rows: RawBuilder<unknown>) =>
    sql`(select t.tenant from ${rows} and t.tenant > ${name} order by t.tenant limit 1)`;
  return sql`(
    select min(next.tenant) from (values
      (${next(sql`posthorn.webhooks as t where t.deleted_at is null`)}),
      (${next(sql`posthorn.keys as t where t.tenant is not null`)}),
      (${next(sql`posthorn.event_types as t where true`)}),
      (${next(sql`posthorn.publishers as t where true`)}),
      (${next(sql`posthorn.events as t where t.bucket = ${BUCKET} and t.id >= ${since} and t.id < ${until}`)}),
      (case when ${name} < ${DEFAULT_TENANT} then ${DEFAULT_TENANT} end)
    ) as next (tenant)
  )`;
}

/** Whether a tenant has anything yet: a webhook, a key, a type of its own or a publisher; not its events. */
export async function isTenantKnown(db: Db, tenant: string): Promise<boolean> {
  if (tenant === DEFAULT_TENANT) return true;
  const { rows } = await sql<{ is_known: boolean }>`
    select exists (select from posthorn.webhooks where tenant = ${tenant})
      or exists (select from posthorn.keys where tenant = ${tenant})
      or exists (select from posthorn.event_types where tenant = ${tenant})
      or exists (select from posthorn.publishers where tenant = ${tenant}) as is_known`.execute(db);
  return rows[0]?.is_known ?? false;
}
