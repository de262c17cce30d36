// The webhooks that a worker is about to send to.
import type pg from "pg";

import { plainArray } from "../database/array-literal.ts";
import type { WebhookRow } from "./webhooks.ts";

const COLUMNS = [
  "webhook_id",
  "tenant",
  "id",
  "version",
  "url",
  "preset",
  "preset_settings",
  "headers_sealed",
  "signature_key_sealed",
  "signature_key_version",
  "previous_key_sealed",
  "previous_key_expires_at",
  "retry_schedule_s",
  "timeout_ms",
] as const satisfies (keyof WebhookRow)[];

/** What of a webhook a request is made with. */
export type WebhookToSend = Pick<WebhookRow, (typeof COLUMNS)[number]>;

/** Reads webhooks by their internal ids, deleted ones too. */
export async function readWebhooksToSend(
  pool: pg.Pool,
  webhookIds: readonly number[],
): Promise<WebhookToSend[]> {
  const { rows } = await pool.query<WebhookToSend>({
    name: "webhooks to send to",
    text: `select ${COLUMNS.join(", ")} from posthorn.webhooks where webhook_id = any ($1::bigint[])`,
    values: [plainArray(webhookIds)],
  });
  return rows;
}
