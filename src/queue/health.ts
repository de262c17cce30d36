// What is known of webhooks' health, and its changes: judged by the loop from what the fold has added up, announced once.
import type pg from "pg";

import { storeOwnEvents } from "./own-events.ts";
import type { WebhookHealth } from "../database/schema.ts";
import { HAVING_PARKED } from "./hold.ts";
import { RESUMED_AT } from "./sending.ts";
import { inTransaction } from "../database/transaction.ts";

const ROWS_MAX = 1_000;

/** What a webhook's health is judged by. */
export type HealthFacts = {
  webhook_id: number;
  health: WebhookHealth;
  failures_in_row: number;
  failing_since: Date | null;
  last_failure_at: Date | null;
  last_success_at: Date | null;
  /** The last death by the receiver's answers. */
  died_at: Date | null;
  /** The last end of a pause or disablement. */
  released_at: Date | null;
};

/** In SQL: the facts of counters `c` and webhooks `w`. */
export const FACTS = `
  select c.webhook_id, w.health, c.failures_in_row, c.failing_since, c.last_failure_at, c.last_success_at, c.died_at,
    greatest(w.released_at, ${RESUMED_AT}) as released_at`;

/**
 * The facts of the webhooks after `after` whose last attempt failed, and that are sent to: for when they were folded and not
 * judged, or the hours have been made fewer since.
 */
export async function listFailing(pool: pg.Pool, after: number): Promise<HealthFacts[]> {
  const { rows } = await pool.query<HealthFacts>({
    name: "list failing",
    text: `${FACTS} from posthorn.counters as c join posthorn.webhooks as w on w.webhook_id = c.webhook_id
      where c.bucket = 0 and c.failures_in_row > 0 and c.webhook_id > $1
        and w.status = 'Subscribed' and w.deleted_at is null and not w.paused
      order by c.webhook_id limit $2`,
    values: [after, ROWS_MAX],
  });
  return rows;
}

// Of one that is leaving for another cell, that one tells.
const STAYS = `not coalesce((
  select s.leaves from posthorn.webhook_states as s where s.bucket = 0 and s.webhook_id = w.webhook_id
), false)`;

/** A webhook whose health has changed, by its public id. */
export type ChangedWebhook = { tenant: string; id: string };

/** Changes a webhook's health, if it is still what it was judged to change from. Answers the webhook where it was. */
export function setHealth(
  pool: pg.Pool,
  webhookId: number,
  change: { from: WebhookHealth; to: WebhookHealth; reason: string | null },
): Promise<ChangedWebhook | undefined> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<ChangedWebhook>(
      `update posthorn.webhooks as w set health = $3, health_reason = $4 where webhook_id = $1 and health = $2 and ${STAYS}
       returning tenant, id`,
      [webhookId, change.from, change.to, change.reason],
    );
    if (rows[0]) await keepHealth(client, [webhookId]);
    return rows[0];
  });
}

// A change of a webhook as any other, made by nobody.
async function keepHealth(client: pg.ClientBase, webhookIds: readonly number[]): Promise<void> {
  await client.query(
    "select posthorn.keep_change(changed.webhook_id, null, null) from unnest($1::bigint[]) as changed (webhook_id)",
    [webhookIds],
  );
}

/** A webhook that is disabled now, and what its health was before. */
export type DisabledWebhook = ChangedWebhook & { was: WebhookHealth };

/**
 * Disables the webhooks that answered 410, unless they have been changed since: a late answer of an old URL says nothing
 * of the new one. Answers which of them are disabled now, and stay so until the transaction ends. Waits for nobody: one that
 * somebody is changing is left out, and answers 410 again.
 */
export async function disableGone(
  client: pg.ClientBase,
  gone: readonly { webhook_id: number; webhook_version: string }[],
): Promise<Map<number, DisabledWebhook>> {
  if (gone.length === 0) return new Map();
  const { rows } = await client.query<DisabledWebhook & { webhook_id: number }>(
    `with locked as (
       select w.webhook_id, w.health, w.tenant, w.id from posthorn.webhooks as w
       join unnest($1::bigint[], $2::uuid[]) as g (webhook_id, version)
         on g.webhook_id = w.webhook_id and (g.version = w.version or w.health = 'disabled')
       order by w.webhook_id for update of w skip locked
     ),
     disabled as (
       update posthorn.webhooks as w set health = 'disabled', health_reason = 'gone'
       where w.webhook_id in (select webhook_id from locked where health <> 'disabled')
     )
     select webhook_id, health as was, tenant, id from locked`,
    [gone.map(({ webhook_id }) => webhook_id), gone.map(({ webhook_version }) => webhook_version)],
  );
  const changed = rows.filter(({ was }) => was !== "disabled");
  if (changed.length > 0)
    await keepHealth(
      client,
      changed.map(({ webhook_id }) => webhook_id),
    );
  return new Map(rows.map((row) => [row.webhook_id, row]));
}

const ANNOUNCED_AS = {
  ok: "webhook.recovered",
  failing: "webhook.failing",
  disabled: "webhook.disabled",
};

type Announcement = {
  webhook_id: number;
  tenant: string;
  id: string;
  health: WebhookHealth;
  health_reason: string | null;
  disables_at: Date | null;
};

/**
 * Announces what webhooks' health has become since it was last announced, each at most once in ten minutes; and, a day before
 * a failing one is disabled, that it will be by the first failure from then on. Answers how many it announced.
 */
export function announceHealth(pool: pg.Pool, disableAfterH: number): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<Announcement>(
      `with announced as (
         select w.webhook_id,
           case when $1 > 0 and w.health = 'failing'
             then greatest(c.failing_since + $1::integer * interval '1 hour', greatest(w.released_at, ${RESUMED_AT}) + $1::integer * interval '1 hour', now())
           end as disables_at
         from posthorn.webhooks as w
         left join posthorn.counters as c on c.bucket = 0 and c.webhook_id = w.webhook_id
         where w.deleted_at is null and ${STAYS} and (w.announced_at is null or w.announced_at < now() - interval '10 minutes')
           and (w.health <> w.announced_health
             or w.health = 'failing' and $1 > 0 and w.disabling_announced_at is null
               and greatest(c.failing_since, w.released_at, ${RESUMED_AT}) < now() - ($1::integer - 24) * interval '1 hour')
         order by w.webhook_id limit $2 for update of w skip locked
       )
       update posthorn.webhooks as w set announced_health = w.health, announced_at = now(),
         disabling_announced_at = case when announced.disables_at < now() + interval '24 hours' then now() end
       from announced where w.webhook_id = announced.webhook_id
       returning w.webhook_id, w.tenant, w.id, w.health, w.health_reason, announced.disables_at`,
      [disableAfterH, ROWS_MAX],
    );
    const events = rows.map((row) => ({
      tenant: row.tenant,
      type: ANNOUNCED_AS[row.health],
      payload: {
        webhook_id: row.id,
        health: row.health,
        ...(row.health_reason !== null && { reason: row.health_reason }),
        ...(row.disables_at && { disables_at: row.disables_at.toISOString() }),
      },
    }));
    await storeOwnEvents(client, events);
    return rows.length;
  });
}

/**
 * Announces, once a hold, that a webhook's held deliveries will be cancelled: a day before the first, or at once where
 * the hold is shorter. Answers how many it announced.
 */
export function announceDropping(pool: pg.Pool, holdH: number): Promise<number> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ tenant: string; id: string; drops_at: Date }>(
      `${HAVING_PARKED},
       announced as (
         select w.webhook_id, oldest.due_at + $1::integer * interval '1 hour' as drops_at
         from having_rows join posthorn.webhooks as w on w.webhook_id = having_rows.webhook_id
         cross join lateral (
           select due_at from posthorn.deliveries
           where bucket = 0 and state = 2 and webhook_id = w.webhook_id order by due_at, id limit 1
         ) as oldest
         where (w.paused or w.health = 'disabled') and w.status = 'Subscribed' and w.deleted_at is null
           and w.dropping_announced_at is null and ${STAYS} and oldest.due_at < now() - ($1::integer - 24) * interval '1 hour'
         order by w.webhook_id limit $2 for update of w skip locked
       )
       update posthorn.webhooks as w set dropping_announced_at = now()
       from announced where w.webhook_id = announced.webhook_id
       returning w.tenant, w.id, announced.drops_at`,
      [holdH, ROWS_MAX],
    );
    const events = rows.map((row) => ({
      tenant: row.tenant,
      type: "webhook.dropping",
      payload: { webhook_id: row.id, drops_at: row.drops_at.toISOString() },
    }));
    await storeOwnEvents(client, events);
    return rows.length;
  });
}
