// Routes: what a webhook takes in, multiplied out, for publish to look up.
import { sql, type Transaction } from "kysely";

import type { Schema } from "../database/schema.ts";
import type { WebhookRow } from "./webhooks.ts";

/** What a webhook takes in, as its routes say it. */
export type Filter = { events: string[]; channels: string[] };

function routesOf({ events, channels }: Filter) {
  return {
    patterns: events.length === 0 ? ["*"] : events,
    channels: channels.length === 0 ? [""] : channels,
  };
}

/** Makes the routes of webhooks that have none yet. */
export async function insertRoutes(
  trx: Transaction<Schema>,
  webhooks: readonly (Pick<WebhookRow, "webhook_id" | "tenant"> & Filter)[],
): Promise<void> {
  const made = webhooks.map(({ webhook_id, tenant, ...filter }) => ({
    webhook_id,
    tenant,
    ...routesOf(filter),
  }));
  await sql`
    insert into posthorn.routes (tenant, type_pattern, channel, webhook_id)
    select w.tenant, pattern, channel, w.webhook_id
    from json_to_recordset(${JSON.stringify(made)}::json)
      as w (webhook_id bigint, tenant text, patterns text[], channels text[]),
      unnest(w.patterns) as pattern, unnest(w.channels) as channel
    on conflict do nothing`.execute(trx);
}

/**
 * Makes a webhook's routes those that its filter asks for, and leaves what is there already; without a filter it has none and
 * matches nothing.
 */
export async function replaceRoutes(
  trx: Transaction<Schema>,
  row: Pick<WebhookRow, "webhook_id" | "tenant">,
  filter: Filter | null,
): Promise<void> {
  const { patterns, channels } = filter ? routesOf(filter) : { patterns: [], channels: [] };
  await sql`
    delete from posthorn.routes
    where webhook_id = ${row.webhook_id}
      and not (type_pattern = any (${patterns}::text[]) and channel = any (${channels}::text[]))`.execute(
    trx,
  );
  await sql`
    insert into posthorn.routes (tenant, type_pattern, channel, webhook_id)
    select ${row.tenant}, pattern, channel, ${row.webhook_id}
    from unnest(${patterns}::text[]) as pattern, unnest(${channels}::text[]) as channel
    on conflict do nothing`.execute(trx);
}
