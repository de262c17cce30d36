// What a webhook's settings were, version by version, for the attempts to point to.
import { sql, type Selectable, type Transaction } from "kysely";

import type { Schema, WebhooksTable } from "../database/schema.ts";

/**
 * Keeps what attempts of this version are sent with, header values masked, for the attempts to point to. Headers that are
 * "kept" are those of the version before.
 */
export async function insertVersion(
  trx: Transaction<Schema>,
  row: Selectable<WebhooksTable>,
  headersMasked: Record<string, string> | "kept",
): Promise<void> {
  const headers = headersMasked === "kept" ? null : JSON.stringify(headersMasked);
  // The statement's time, not the transaction's: one that has waited for the row's lock began before the version it ends.
  await sql`
    with before as (
      update posthorn.webhook_versions set valid_until = statement_timestamp()
      where webhook_id = ${row.webhook_id} and valid_until is null
      returning headers_masked
    )
    insert into posthorn.webhook_versions (webhook_id, version, tenant, url, preset, preset_settings, headers_masked, valid_from)
    select w.webhook_id, w.version, w.tenant, w.url, w.preset, w.preset_settings,
      coalesce(${headers}::json, before.headers_masked), statement_timestamp()
    from posthorn.webhooks as w left join before on true where w.webhook_id = ${row.webhook_id}`.execute(
    trx,
  );
}

/** Keeps the first versions of webhooks that were made now. */
export async function insertFirstVersions(
  trx: Transaction<Schema>,
  made: readonly { row: Selectable<WebhooksTable>; headersMasked: Record<string, string> }[],
): Promise<void> {
  const versions = made.map(({ row, headersMasked }) => ({
    webhook_id: row.webhook_id,
    headers_masked: headersMasked,
  }));
  await sql`
    insert into posthorn.webhook_versions (webhook_id, version, tenant, url, preset, preset_settings, headers_masked, valid_from)
    select w.webhook_id, w.version, w.tenant, w.url, w.preset, w.preset_settings, v.headers_masked, statement_timestamp()
    from json_to_recordset(${JSON.stringify(versions)}::json) as v (webhook_id bigint, headers_masked json)
    join posthorn.webhooks as w using (webhook_id)`.execute(trx);
}

/** In how many seconds a day has passed since the last but `max` of a webhook's changes; undefined where there were fewer. */
export async function findDayOfChanges(
  trx: Transaction<Schema>,
  webhookId: number,
  max: number,
): Promise<number | undefined> {
  const { rows } = await sql<{ wait_s: number }>`
    select ceil(extract(epoch from valid_from + interval '1 day' - now()))::integer as wait_s
    from posthorn.webhook_versions
    where webhook_id = ${webhookId} and valid_from > now() - interval '1 day'
    order by valid_from desc offset ${max - 1} limit 1`.execute(trx);
  return rows[0] && Math.max(1, rows[0].wait_s);
}

/** Says that a deleted webhook's last version is over. */
export async function endVersion(trx: Transaction<Schema>, webhookId: number): Promise<void> {
  await trx
    .updateTable("posthorn.webhook_versions")
    .set({ valid_until: sql<Date>`statement_timestamp()` })
    .where("webhook_id", "=", webhookId)
    .where("valid_until", "is", null)
    .execute();
}
