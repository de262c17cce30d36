// What became of one event at many webhooks: its newest delivery to each, and what each was when it was published.
import { sql, type RawBuilder } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsForth, readSpan, within } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import type { FinalStatus, WebhookHealth, WebhookStatus } from "../database/schema.ts";
import { timeOfUuid } from "../kernel/ids.ts";
import { isSeenWebhook, type Reach } from "./reach.ts";
import { BUCKET } from "./tenant.ts";

/** What decides whether an event goes to a webhook. */
export type Filter = {
  is_deleted: boolean;
  status: WebhookStatus;
  events: string[];
  channels: string[];
};

/** A webhook that an event may have gone to, as it is now. */
export type AskedWebhook = Filter & {
  webhook_id: number;
  id: string;
  name: string | null;
  /** When it was made, by its history where that is kept. */
  began_at: Date;
  created_us: number;
  paused: boolean;
  health: WebhookHealth;
};

/** A place in the list of webhooks that there were: newest first. */
export type WebhookPlace = { created_us: number; webhook_id: number };

/**
 * The webhooks that are seen behind a place, newest first: those that live, and those that were deleted after `at`, when they had
 * been there; or whichever have or had one public id.
 */
export async function listAsked(
  db: Db,
  reach: Reach,
  page: { at: Date; id: string | undefined; after: WebhookPlace | null; limit: number },
): Promise<AskedWebhook[]> {
  const { at, id, after, limit } = page;
  const behind = after
    ? sql`(w.created_at, w.webhook_id) < (
        timestamptz 'epoch' + ${after.created_us} * interval '1 microsecond', ${after.webhook_id})`
    : sql`true`;
  const part = (condition: RawBuilder<unknown>) => sql`(
    select w.webhook_id, w.id, w.name, coalesce(first.valid_from, w.created_at) as began_at,
      (extract(epoch from w.created_at) * 1000000)::bigint as created_us,
      w.deleted_at is not null as is_deleted, w.status, w.events, w.channels, w.paused, w.health
    from posthorn.webhooks as w
    left join posthorn.webhook_changes as first on first.webhook_id = w.webhook_id and first.change = 1
    where ${isSeenWebhook(reach, "w")} and ${condition} and ${behind} and ${id === undefined ? sql`true` : sql`w.id = ${id}`}
    order by w.created_at desc, w.webhook_id desc limit ${limit})`;
  const { rows } = await sql<AskedWebhook>`
    ${part(sql`w.deleted_at is null`)}
    union all
    ${part(id === undefined ? sql`w.deleted_at is not null and ${wasThere(at)}` : sql`w.deleted_at is not null`)}
    order by created_us desc, webhook_id desc limit ${limit}`.execute(db);
  return rows;
}

/** The newest delivery of an event to a webhook. */
export type NewestDelivery = {
  webhook_id: number;
  id: string;
  status: "pending" | FinalStatus;
  reason: string | null;
  created_at: Date;
  finished_at: Date | null;
  /** Since when it is held, where it is parked. */
  held_since: Date | null;
};

/** The newest delivery of an event to each of the webhooks that have one. */
export async function findNewest(
  db: Db,
  tenant: string,
  eventId: string,
  webhookIds: readonly number[],
): Promise<Map<number, NewestDelivery>> {
  const newest = new Map<number, NewestDelivery>();
  const span = within(await readSpan(readBy(db), "finished_deliveries"), {
    since: timeOfUuid(eventId),
  });
  for (const { from, until } of partsForth(span)) {
    const { rows } = await sql<NewestDelivery>`
      select distinct on (webhook_id) webhook_id, id, status, reason, created_at, finished_at,
        case when state = 2 then due_at end as held_since
      from posthorn.all_deliveries
      where bucket = ${BUCKET} and tenant = ${tenant} and event_id = ${eventId}
        and webhook_id = any (${webhookIds}::bigint[]) and id >= ${from} and id < ${until}
      order by webhook_id, id desc`.execute(db);
    for (const row of rows) newest.set(row.webhook_id, row);
  }
  return newest;
}

/** Those of the webhooks that a wide fan-out has matched, and that will have their delivery. */
export async function findExpanding(
  db: Db,
  eventId: string,
  webhookIds: readonly number[],
): Promise<Set<number>> {
  const { rows } = await sql<{ webhook_id: number }>`
    select asked.webhook_id from posthorn.expansions as x
    cross join unnest(${webhookIds}::bigint[]) as asked (webhook_id)
    where x.bucket = ${BUCKET} and x.event_id = ${eventId} and asked.webhook_id = any (x.webhook_ids)`.execute(
    db,
  );
  return new Set(rows.map(({ webhook_id }) => webhook_id));
}

/** What a webhook was from then on. `change` 1 is its beginning. */
export type FormerFilter = Filter & { webhook_id: number; change: number; valid_from: Date };

/**
 * What webhooks were when something was published: more than one where the commit of a change was under way, since nobody can say
 * on which side of it the publish was. None where the webhook came later, or its history of then has been let go.
 */
export async function findFormer(
  db: Db,
  webhookIds: readonly number[],
  at: Date,
): Promise<Map<number, FormerFilter[]>> {
  const { rows } = await sql<FormerFilter>`
    select c.webhook_id, c.change, c.valid_from, c.is_deleted, c.status, c.events, c.channels
    from unnest(${webhookIds}::bigint[]) as asked (webhook_id)
    cross join lateral (
      select * from posthorn.webhook_changes as c
      where c.webhook_id = asked.webhook_id and c.valid_from <= ${at}
        and (c.seen_until is null or c.seen_until > ${at})
      order by c.change desc limit 10
    ) as c`.execute(db);
  const former = new Map<number, FormerFilter[]>();
  for (const row of rows) former.set(row.webhook_id, [...(former.get(row.webhook_id) ?? []), row]);
  return former;
}

/** How many of the webhooks that there were have no delivery of an event, and will have none. */
export async function countWithout(
  db: Db,
  reach: Reach,
  event: { id: string; tenant: string; created_at: Date },
): Promise<number> {
  const takers = new Set<number>();
  const span = within(await readSpan(readBy(db), "finished_deliveries"), {
    since: timeOfUuid(event.id),
  });
  for (const { from, until } of partsForth(span)) {
    const { rows } = await sql<{ webhook_id: number }>`
      select distinct webhook_id from posthorn.all_deliveries
      where bucket = ${BUCKET} and tenant = ${event.tenant} and event_id = ${event.id}
        and id >= ${from} and id < ${until}`.execute(db);
    for (const { webhook_id } of rows) takers.add(webhook_id);
  }
  const { rows } = await sql<{ count: number }>`
    with takers as materialized (
      select unnest(${[...takers]}::bigint[]) as webhook_id
      union
      select unnest(x.webhook_ids) from posthorn.expansions as x where x.bucket = ${BUCKET} and x.event_id = ${event.id}
    )
    select count(*)::integer as count from posthorn.webhooks
    where ${isSeenWebhook(reach)} and (deleted_at is null or ${wasThere(event.created_at)})
      and webhook_id not in (select webhook_id from takers)`.execute(db);
  return rows[0]?.count ?? 0;
}

// Of a webhook that is deleted: whether it was there at that time.
const wasThere = (at: Date) => sql`deleted_at > ${at} and created_at <= ${at}`;
