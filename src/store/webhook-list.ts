// Pages of webhooks: those that the filters take in, newest first, or those in trouble first.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import type { WebhookHealth, WebhookStatus } from "../database/schema.ts";
import type { Sized } from "../kernel/lists.ts";
import { BUCKET } from "./tenant.ts";
import type { WebhookRow } from "./webhooks.ts";
import { withinBytes } from "./within-bytes.ts";

/** Where a page of webhooks ends: ids say nothing of age, and several of one transaction are of one microsecond. */
export type ListedWebhook = WebhookRow & { created_us: number; trouble: number };
type WebhookPosition = Pick<ListedWebhook, "created_us" | "webhook_id" | "trouble">;

export type WebhookFilter = {
  status?: WebhookStatus | undefined;
  health?: WebhookHealth | undefined;
  channel?: string | undefined;
  external_id?: string | undefined;
  metadata?: Record<string, string> | undefined;
  /** Part of the name, of the URL or of the external id, or how the id begins. */
  q?: string | undefined;
};

// How many of its deliveries are counted to set those in trouble in order: ten thousand of them may be.
const WAITING_COUNT_MAX = 100;

/**
 * How much trouble a webhook is in, the least number the most: disabled, failing, paused or left alone as its receiver asked,
 * failing of late, and then the rest; of each kind those first that have the most deliveries pending.
 */
const TROUBLE = sql`(
  select case when rank.rank = 4 then 4000 else rank.rank * 1000 - (
    select count(*) from (
      select from posthorn.deliveries as d
      where d.bucket = ${BUCKET} and d.webhook_id = w.webhook_id and d.webhook_id > 0 limit ${WAITING_COUNT_MAX}
    ) as counted
  ) end
  from (
    select case
      when w.health = 'disabled' then 0
      when w.health = 'failing' then 1
      when w.paused or s.not_before > now() then 2
      when exists (
        select from posthorn.counters as c
        where c.bucket = ${BUCKET} and c.webhook_id = w.webhook_id and c.failures_in_row > 0
      ) then 3
      else 4
    end as rank
    from (select) as one
    left join posthorn.webhook_states as s on s.bucket = ${BUCKET} and s.webhook_id = w.webhook_id
  ) as rank
)::integer`;

/** A page of the tenant's living webhooks, those behind `after` only. */
export async function listWebhooks(
  db: Db,
  tenant: string,
  page: WebhookFilter & {
    after: WebhookPosition | null;
    troubleFirst?: boolean;
    limit: number;
    bytesMax: number;
  },
): Promise<(ListedWebhook & Sized)[]> {
  const { after, troubleFirst = false, limit, bytesMax } = page;
  const order = sql`trouble, created_at desc, webhook_id desc`;
  const found = sql`
    select w.*, (extract(epoch from created_at) * 1000000)::bigint as created_us,
      ${troubleFirst ? TROUBLE : sql`0`} as trouble
    from posthorn.webhooks as w where ${sql.join(conditionsOf(tenant, page), sql` and `)}`;
  const rows = sql`
    select * from (${found}) as found
    where ${after === null ? sql`true` : behind(after, troubleFirst)}
    order by ${troubleFirst ? order : sql`created_at desc, webhook_id desc`} limit ${limit}`;
  const size = sql`coalesce(octet_length(headers_sealed), 0) + pg_column_size(events) + pg_column_size(channels)
    + pg_column_size(metadata)`;
  const { rows: listed } = await sql<ListedWebhook & Sized>`
    select * from ${withinBytes(rows, { size, order, bytesMax })} as within order by ${order}`.execute(
    db,
  );
  return listed;
}

function conditionsOf(tenant: string, filter: WebhookFilter): RawBuilder<unknown>[] {
  const { status, health, channel, external_id, metadata, q } = filter;
  return [
    sql`w.tenant = ${tenant} and w.deleted_at is null`,
    ...(status === undefined ? [] : [sql`w.status = ${status}`]),
    ...(health === undefined ? [] : [sql`w.health = ${health}`]),
    ...(channel === undefined ? [] : [sql`${channel} = any (w.channels)`]),
    ...(external_id === undefined ? [] : [sql`w.external_id = ${external_id}`]),
    ...(metadata === undefined ? [] : [sql`w.metadata @> ${JSON.stringify(metadata)}::jsonb`]),
    ...(q === undefined ? [] : [isCalled(q)]),
  ];
}

/** The condition of a webhook to be meant by a text, whatever its case: nothing in it is a pattern. */
function isCalled(q: string): RawBuilder<unknown> {
  const part = sql`lower(${q})`;
  return sql`(strpos(lower(w.url), ${part}) > 0 or strpos(lower(w.name), ${part}) > 0
    or strpos(lower(w.external_id), ${part}) > 0 or starts_with(w.id::text, ${part}))`;
}

function behind(
  { trouble, created_us, webhook_id }: WebhookPosition,
  troubleFirst: boolean,
): RawBuilder<unknown> {
  const later = sql`(created_at, webhook_id) < (
    timestamptz 'epoch' + ${created_us} * interval '1 microsecond', ${webhook_id})`;
  return troubleFirst ? sql`(trouble > ${trouble} or trouble = ${trouble} and ${later})` : later;
}
