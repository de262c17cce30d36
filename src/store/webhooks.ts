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
const READ_AT_ONCE = 500;
const INSERTED_AT_ONCE = 250; // some twenty parameters each: a statement has 65,535 at most

export type WebhookChanges = UpdateObject<Schema, "posthorn.webhooks">;

/** A living webhook by its public id, or undefined: one out of reach is as unknown as one that never was. */
export function findWebhook(db: Db, reach: Reach, id: string): Promise<WebhookRow | undefined> {
  return living(db, reach, id).executeTakeFirst();
}

/** The public ids of the tenant's living webhooks that have these external ids, by those. */
export async function findIdsByExternalId(
  db: Db,
  tenant: string,
  externalIds: readonly string[],
): Promise<Map<string, string>> {
  const { rows } = await sql<{ id: string; external_id: string }>`
    select id, external_id from posthorn.webhooks
    where tenant = ${tenant} and external_id = any (${externalIds}::text[]) and deleted_at is null`.execute(
    db,
  );
  return new Map(rows.map(({ id, external_id }) => [external_id, id]));
}

/** A webhook by its internal id, deleted ones too. */
export function findWebhookById(db: Db, webhookId: number): Promise<WebhookRow | undefined> {
  return db
    .selectFrom("posthorn.webhooks")
    .selectAll()
    .where("webhook_id", "=", webhookId)
    .executeTakeFirst();
}

/** What a webhook's rows are found by. */
export type OwnIds = Pick<WebhookRow, "tenant" | "webhook_id">;

/**
 * What those that live of the given webhooks are found by, by their public ids. Of one that several tenants in reach have, it is
 * the first tenant's by name.
 */
export async function findWebhookIds(
  db: Db,
  reach: Reach,
  ids: readonly string[],
): Promise<Map<string, OwnIds>> {
  const { rows } = await sql<OwnIds & { id: string }>`
    select w.* from unnest(${ids}::uuid[]) as asked (id)
    cross join lateral (
      select id, tenant, webhook_id from posthorn.webhooks
      where id = asked.id and ${isSeenWebhook(reach)} and deleted_at is null order by tenant limit 1
    ) as w`.execute(db);
  return new Map(rows.map(({ id, ...own }) => [id, own]));
}

/** The public ids of the living webhooks that are seen, where those are named. */
export async function findPublicIds(db: Db, reach: Reach): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select id from posthorn.webhooks where ${isSeenWebhook(reach)} and deleted_at is null order by id`.execute(
    db,
  );
  return rows.map(({ id }) => id);
}

/** A tenant's subscribed webhooks, some at a time, the oldest first. */
export async function* listSubscribed(db: Db, tenant: string): AsyncGenerator<WebhookRow[]> {
  for (let after = 0, rows: WebhookRow[] = []; ; after = rows.at(-1)?.webhook_id ?? 0) {
    rows = await db
      .selectFrom("posthorn.webhooks")
      .selectAll()
      .where("tenant", "=", tenant)
      .where("deleted_at", "is", null)
      .where("status", "=", "Subscribed")
      .where("webhook_id", ">", after)
      .orderBy("webhook_id")
      .limit(READ_AT_ONCE)
      .execute();
    if (rows.length === 0) return;
    yield rows;
  }
}

/** The same as `findWebhook`, locked against other changes until the transaction ends. */
export function lockWebhook(
  trx: Transaction<Schema>,
  reach: Reach,
  id: string,
): Promise<WebhookRow | undefined> {
  return living(trx, reach, id).forUpdate().executeTakeFirst();
}

/** The living ones of these ids, locked against other changes until the transaction ends. */
export async function lockWebhooks(
  trx: Transaction<Schema>,
  reach: Reach,
  ids: readonly string[],
): Promise<WebhookRow[]> {
  if (ids.length === 0) return [];
  return trx
    .selectFrom("posthorn.webhooks")
    .selectAll()
    .where(isSeenWebhook(reach))
    .where(sql<boolean>`id = any (${ids}::uuid[])`)
    .where("deleted_at", "is", null)
    .orderBy("webhook_id") // whoever locks several goes the same way
    .forUpdate()
    .execute();
}

/** Inserts webhooks with their states, and answers them; one whose id lives already is not inserted. */
export async function insertWebhooks(
  trx: Transaction<Schema>,
  rows: readonly NewWebhookRow[],
): Promise<WebhookRow[]> {
  const inserted: WebhookRow[] = [];
  for (let from = 0; from < rows.length; from += INSERTED_AT_ONCE) {
    const values = rows
      .slice(from, from + INSERTED_AT_ONCE)
      .map((row) => ({ ...row, created_at: sql<Date>`now()`, updated_at: sql<Date>`now()` }));
    const some = await trx
      .insertInto("posthorn.webhooks")
      .values(values)
      .onConflict((conflict) =>
        conflict.columns(["tenant", "id"]).where("deleted_at", "is", null).doNothing(),
      )
      .returningAll()
      .execute();
    inserted.push(...some);
  }
  await sql`insert into posthorn.webhook_states (bucket, webhook_id)
    select ${BUCKET}, unnest(${inserted.map((row) => row.webhook_id)}::bigint[])`.execute(trx);
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

function living(db: Db, reach: Reach, id: string) {
  return db
    .selectFrom("posthorn.webhooks")
    .selectAll()
    .where(isSeenWebhook(reach))
    .where("id", "=", id)
    .where("deleted_at", "is", null);
}
