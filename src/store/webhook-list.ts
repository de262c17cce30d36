// Pages of webhooks: those that the filters take in, newest first, or those in trouble first.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import type { WebhookHealth, WebhookStatus } from "../database/schema.ts";
import type { Sized } from "../kernel/lists.ts";
import { isSeenWebhook, type Reach } from "./reach.ts";
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

const RANK = 1_000; // of trouble, from one kind to the next

/** The trouble of a webhook that is in none; nothing is above it. */
export const WELL = 4 * RANK;

/** A page of the living webhooks that are seen, those behind `after` only. */
export async function listWebhooks(
  db: Db,
  reach: Reach,
  page: WebhookFilter & {
    after: WebhookPosition | null;
    troubleFirst?: boolean;
    limit: number;
    bytesMax: number;
  },
): Promise<(ListedWebhook & Sized)[]> {
  const { after, troubleFirst = false, limit, bytesMax } = page;
  const conditions = sql.join(conditionsOf(reach, page), sql` and `);
  const order = troubleFirst ? sql`trouble, ${NEWEST}` : NEWEST;
  const rows = troubleFirst
    ? byTrouble(reach, conditions, after, limit)
    : newest(conditions, after, limit);
  const size = sql`coalesce(octet_length(headers_sealed), 0) + pg_column_size(events) + pg_column_size(channels)
    + pg_column_size(metadata)`;
  const { rows: listed } = await sql<ListedWebhook & Sized>`
    select * from ${withinBytes(rows, { size, order, bytesMax })} as within order by ${order}`.execute(
    db,
  );
  return listed;
}

function conditionsOf(reach: Reach, filter: WebhookFilter): RawBuilder<unknown>[] {
  const { status, health, channel, external_id, metadata, q } = filter;
  return [
    sql`${isSeenWebhook(reach, "w")} and w.deleted_at is null`,
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

const NEWEST = sql`created_at desc, webhook_id desc`;

function newest(
  conditions: RawBuilder<unknown>,
  after: WebhookPosition | null,
  limit: number,
): RawBuilder<unknown> {
  return sql`
    select w.*, ${CREATED_US}, ${WELL}::integer as trouble from posthorn.webhooks as w
    where ${conditions} and ${after === null ? sql`true` : isOlder(after)}
    order by w.created_at desc, w.webhook_id desc limit ${limit}`;
}

// Those in trouble, and behind them the newest of those that are well, which no page needs before it is through with the others.
function byTrouble(
  reach: Reach,
  conditions: RawBuilder<unknown>,
  after: WebhookPosition | null,
  limit: number,
): RawBuilder<unknown> {
  const behind = after
    ? sql`(t.trouble > ${after.trouble} or t.trouble = ${after.trouble} and ${isOlder(after)})`
    : sql`true`;
  const isWell = sql`${conditions} and w.webhook_id not in (select webhook_id from troubled)`;
  return sql`
    with troubled as materialized (${troubled(reach)})
    select * from (
      select w.*, ${CREATED_US}, t.trouble from troubled as t join posthorn.webhooks as w on w.webhook_id = t.webhook_id
      where ${conditions} and ${behind}
      union all
      (${newest(isWell, after?.trouble === WELL ? after : null, limit)})
    ) as found
    order by trouble, ${NEWEST} limit ${limit}`;
}

/**
 * The webhooks that are seen and are not simply well, each with how much trouble it is in, the least number the most: disabled, failing,
 * paused or left alone as its receiver asked, failing of late; of each kind those first that have the most deliveries pending. An
 * index leads to each kind, so that those that are well are not looked at.
 */
function troubled(reach: Reach): RawBuilder<unknown> {
  return sql`
    select each.webhook_id, min(each.rank)::integer * ${RANK}::integer - (
        select count(*) from (
          select from posthorn.deliveries as d
          where d.bucket = ${BUCKET} and d.webhook_id = each.webhook_id and d.webhook_id > 0 limit ${WAITING_COUNT_MAX}
        ) as counted
      )::integer as trouble
    from (
      select webhook_id, case health when 'disabled' then 0 when 'failing' then 1 else 2 end as rank
      from posthorn.webhooks
      where ${isSeenWebhook(reach)} and deleted_at is null and (paused or health <> 'ok')
      union all
      select s.webhook_id, 2 from posthorn.webhook_states as s join posthorn.webhooks as w on w.webhook_id = s.webhook_id
      where s.bucket = ${BUCKET} and s.not_before > now() and ${isSeenWebhook(reach, "w")}
      union all
      select c.webhook_id, 3 from posthorn.counters as c join posthorn.webhooks as w on w.webhook_id = c.webhook_id
      where c.bucket = ${BUCKET} and c.failures_in_row > 0 and ${isSeenWebhook(reach, "w")}
    ) as each
    group by each.webhook_id`;
}

const CREATED_US = sql`(extract(epoch from w.created_at) * 1000000)::bigint as created_us`;

function isOlder({ created_us, webhook_id }: WebhookPosition): RawBuilder<unknown> {
  return sql`(w.created_at, w.webhook_id) < (
    timestamptz 'epoch' + ${created_us} * interval '1 microsecond', ${webhook_id})`;
}
