// What became of webhooks, change by change: kept with each, and read for who asks what a webhook was when an event came.
import { sql } from "kysely";
import type pg from "pg";

import type { Db } from "../database/connect.ts";
import type { WebhookHealth, WebhookStatus } from "../database/schema.ts";
import type { Sized } from "../kernel/lists.ts";
import type { TenantStore } from "./tenant.ts";
import { withinBytes } from "./within-bytes.ts";

/** The key of the configuration, of which the database has no row. */
export const CONFIGURED_KEY = { id: "admin", name: "POSTHORN_ADMIN_KEY" };

/** Keeps what a request has made of a webhook, at the end of the transaction that has locked and changed it. */
export async function keepChange(
  trx: Db,
  store: Pick<TenantStore, "keyId">,
  webhookId: number,
  headersKept = true,
): Promise<void> {
  await keepChanges(trx, store, [webhookId], headersKept);
}

/** The same of several. */
export async function keepChanges(
  trx: Db,
  { keyId }: Pick<TenantStore, "keyId">,
  webhookIds: readonly number[],
  headersKept: boolean,
): Promise<void> {
  const isConfigured = keyId === CONFIGURED_KEY.id;
  const by = isConfigured ? [null, CONFIGURED_KEY.name] : [keyId, null];
  await sql`select posthorn.keep_change(webhook_id, ${by[0]}::uuid, ${by[1]}, ${headersKept})
    from unnest(${webhookIds}::bigint[]) as webhook_id`.execute(trx);
}

/** Keeps what the service itself has made of a webhook. */
export async function keepOwnChange(db: Db, webhookId: number): Promise<void> {
  await sql`select posthorn.keep_change(${webhookId}, null, null)`.execute(db);
}

/**
 * Says of what ended that every publish from now on has seen that: after the commit, of one webhook, or of all where whoever ended
 * it did not come to say so. Answers how many.
 */
export async function markSeen(pool: pg.Pool, webhookId: number | null = null): Promise<number> {
  const { rowCount } = await pool.query(
    `update posthorn.webhook_changes set seen_until = clock_timestamp()
     where valid_until is not null and seen_until is null and ($1::bigint is null or webhook_id = $1)`,
    [webhookId],
  );
  return rowCount ?? 0;
}

/** What a webhook became by a change, and by whom; header values masked. */
export type ChangeRow = {
  change: number;
  valid_from: Date;
  made_by: string | null;
  made_by_name: string | null;
  is_deleted: boolean;
  status: WebhookStatus;
  paused: boolean;
  health: WebhookHealth;
  health_reason: string | null;
  url: string;
  preset: string;
  preset_settings: unknown;
  headers: Record<string, string>;
  headers_set: number;
  events: string[];
  channels: string[];
  settings: Record<string, unknown>;
};

/** A webhook's changes before one, the newest first: no more of them than `limit`, nor than hold `bytesMax` together. */
export async function listChanges(
  db: Db,
  webhookId: number,
  { before, limit, bytesMax }: { before: number | null; limit: number; bytesMax: number },
): Promise<(ChangeRow & Sized)[]> {
  const page = sql`
    select c.change, c.valid_from, c.made_by, c.made_by_name, c.is_deleted, c.status, c.paused, c.health, c.health_reason,
      v.url, v.preset, v.preset_settings, v.headers_masked as headers, c.headers_set, c.events, c.channels, c.settings
    from posthorn.webhook_changes as c
    join posthorn.webhook_versions as v on v.webhook_id = c.webhook_id and v.version = c.version
    where c.webhook_id = ${webhookId} and ${before === null ? sql`true` : sql`c.change < ${before}`}
    order by c.change desc limit ${limit}`;
  const size = sql`octet_length(headers::text) + pg_column_size(events) + pg_column_size(channels)
    + octet_length(settings::text)`;
  const { rows } = await sql<ChangeRow & Sized>`
    select * from ${withinBytes(page, { size, order: sql`change desc`, bytesMax })} as within
    order by change desc`.execute(db);
  return rows;
}
