// Webhooks' rows: found, inserted, updated. A row that changed what goes out gets a new version.
import { sql, type Insertable, type Selectable, type Transaction, type UpdateObject } from "kysely";

import type { Db } from "../database/connect.ts";
import { lock, lockOf } from "../database/locks.ts";
import type { Schema, WebhooksTable } from "../database/schema.ts";
import { dropAnswers } from "./kept-answers.ts";
import { isSeenWebhook, type Reach } from "./reach.ts";
import { BUCKET } from "./tenant.ts";
import { endVersion } from "./webhook-versions.ts";

export type WebhookRow = Selectable<WebhooksTable>;
export type NewWebhookRow = Omit<
  Insertable<WebhooksTable>,
  "created_at" | "updated_at" | "deleted_at"
>;
export type WebhookChanges = UpdateObject<Schema, "posthorn.webhooks">;

/** A living webhook by its public id, or undefined: one out of reach is as unknown as one that never was. */
export function findWebhook(db: Db, reach: Reach, id: string): Promise<WebhookRow | undefined> {
  return living(db, reach, id).executeTakeFirst();
}

/** The public id of the tenant's living webhook that has this external id. */
export async function findIdByExternalId(
  db: Db,
  tenant: string,
  externalId: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select id from posthorn.webhooks
    where tenant = ${tenant} and external_id = ${externalId} and deleted_at is null`.execute(db);
  return rows[0]?.id;
}

/** A webhook by its internal id, deleted ones too. */
export function findWebhookById(db: Db, webhookId: number): Promise<WebhookRow | undefined> {
  return db
    .selectFrom("posthorn.webhooks")
    .selectAll()
    .where("webhook_id", "=", webhookId)
    .executeTakeFirst();
}

/** The internal ids of those that live of the given webhooks, by their public ones. */
export async function findWebhookIds(
  db: Db,
  reach: Reach,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom("posthorn.webhooks")
    .select(["id", "webhook_id"])
    .where(isSeenWebhook(reach))
    .where("id", "in", ids)
    .where("deleted_at", "is", null)
    .execute();
  return new Map(rows.map(({ id, webhook_id }) => [id, webhook_id]));
}

/** The public ids of the living webhooks that are seen, where those are named. */
export async function findPublicIds(db: Db, reach: Reach): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from posthorn.webhooks where ${isSeenWebhook(reach)} and deleted_at is null order by id`.execute(
    db,
  );
  return rows.map(({ id }) => id);
}

/** The webhooks that claimed deliveries go to. */
export function loadWebhooks(db: Db, webhookIds: readonly number[]): Promise<WebhookRow[]> {
  return db
    .selectFrom("posthorn.webhooks")
    .selectAll()
    .where(sql<boolean>`webhook_id = any (${webhookIds}::bigint[])`)
    .execute();
}

/** The same as `findWebhook`, locked against other changes until the transaction ends. */
export function lockWebhook(
  trx: Transaction<Schema>,
  reach: Reach,
  id: string,
): Promise<WebhookRow | undefined> {
  return living(trx, reach, id).forUpdate().executeTakeFirst();
}

/** Inserts a webhook with its state, or answers undefined where one with this id lives already. */
export async function insertWebhook(
  trx: Transaction<Schema>,
  row: NewWebhookRow,
): Promise<WebhookRow | undefined> {
  const inserted = await trx
    .insertInto("posthorn.webhooks")
    .values({
      ...row,
      created_at: sql<Date>`now()`,
      updated_at: sql<Date>`now()`,
    })
    .onConflict((conflict) =>
      conflict.columns(["tenant", "id"]).where("deleted_at", "is", null).doNothing(),
    )
    .returningAll()
    .executeTakeFirst();
  if (inserted)
    await sql`insert into posthorn.webhook_states (bucket, webhook_id)
      values (${BUCKET}, ${inserted.webhook_id})`.execute(trx);
  return inserted;
}

/** Writes changes to a webhook; it gets a version that none has had, so that workers read it anew. */
export async function updateWebhook(
  trx: Transaction<Schema>,
  webhookId: number,
  changes: WebhookChanges,
): Promise<WebhookRow> {
  if ("signature_key_sealed" in changes) await dropAnswers(trx, webhookId);
  return trx
    .updateTable("posthorn.webhooks")
    .set({ ...changes, version: sql<string>`gen_random_uuid()`, updated_at: sql<Date>`now()` })
    .where("webhook_id", "=", webhookId)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Ends a webhook's life: its routes go, its secrets are wiped, its row stays for the history to point to. */
export async function deleteWebhookRow(trx: Transaction<Schema>, webhookId: number): Promise<void> {
  await trx.deleteFrom("posthorn.routes").where("webhook_id", "=", webhookId).execute();
  await endVersion(trx, webhookId);
  await dropAnswers(trx, webhookId);
  await trx
    .updateTable("posthorn.webhooks")
    .set({
      deleted_at: sql<Date>`now()`,
      headers_sealed: null,
      signature_key_sealed: null,
      previous_key_sealed: null,
    })
    .where("webhook_id", "=", webhookId)
    .execute();
}

/**
 * Makes a webhook's routes those that its filter asks for, and leaves what is there already; without a filter it has none and
 * matches nothing.
 */
export async function replaceRoutes(
  trx: Transaction<Schema>,
  row: Pick<WebhookRow, "webhook_id" | "tenant">,
  filter: { events: string[]; channels: string[] } | null,
): Promise<void> {
  const patterns = filter?.events.length === 0 ? ["*"] : (filter?.events ?? []);
  const channels = filter?.channels.length === 0 ? [""] : (filter?.channels ?? []);
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

/**
 * Lets one subscribe of a tenant at a time pass, and whatever else gives a webhook an external id, until its transaction ends:
 * those at once would each count the webhooks, and look for who has the id, without the others'. To be taken before any row is locked, or two would wait for each other.
 */
export async function awaitTurn(trx: Transaction<Schema>, tenant: string): Promise<void> {
  await lock(trx, lockOf(`subscribe ${tenant}`));
}

/** How many living webhooks the tenant has, counted to `limit` at most. */
export async function countWebhooks(db: Db, tenant: string, limit: number): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from (
      select from posthorn.webhooks where tenant = ${tenant} and deleted_at is null limit ${limit}
    ) as counted`.execute(db);
  return rows[0]?.count ?? 0;
}

export type Counters = {
  delivered: number;
  dead: number;
  pending: number;
  last_success_at: Date | null;
  last_failure_at: Date | null;
};

const PENDING_COUNT_MAX = 10_000; // counting further would read the whole queue for one number on a page

/** What has become of a webhook's deliveries; `pending` counts to 10,000 and stays there. */
export async function readCounters(db: Db, webhookId: number): Promise<Counters> {
  const { rows } = await sql<Counters>`
    select
      coalesce(sum(delivered), 0)::bigint as delivered,
      coalesce(sum(dead), 0)::bigint as dead,
      max(last_success_at) as last_success_at,
      max(last_failure_at) as last_failure_at,
      (select count(*) from (
        select from posthorn.deliveries
        where bucket = ${BUCKET} and webhook_id = ${webhookId} limit ${PENDING_COUNT_MAX}
      ) as counted) as pending
    from (
      select delivered, dead, last_success_at, last_failure_at from posthorn.counters
      where bucket = ${BUCKET} and webhook_id = ${webhookId}
      union all
      select delivered, dead, last_success_at, last_failure_at from posthorn.counter_deltas
      where bucket = ${BUCKET} and webhook_id = ${webhookId}
    ) as parts`.execute(db);
  const [counters] = rows;
  if (!counters) throw new Error("an aggregate without a row");
  return counters;
}

function living(db: Db, reach: Reach, id: string) {
  return db
    .selectFrom("posthorn.webhooks")
    .selectAll()
    .where(isSeenWebhook(reach))
    .where("id", "=", id)
    .where("deleted_at", "is", null);
}

/** Everybody's, who names none. */
export const DEFAULT_TENANT = "default";

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
