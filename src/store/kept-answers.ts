// Answers that are kept for their idempotency keys, sealed: what was made is made once, and a lost answer can be had again.
import { sql, type Transaction } from "kysely";
import type pg from "pg";

import type { Db } from "../database/connect.ts";
import type { Schema } from "../database/schema.ts";
import { move } from "../queue/move.ts";

/** Whose answer it is: another API key's same idempotency key is another one. */
export type AnswerPlace = { tenant: string; caller: string; key: string };

/** The answer under an idempotency key; `sealed` is null where what it showed is no more. */
export type KeptAnswer = { sealed: Buffer | null };

const KEPT = sql`interval '24 hours'`; // clients try again for minutes, queues of jobs for hours

/** An answer that is still kept. */
export async function findAnswer(
  db: Db,
  { tenant, caller, key }: AnswerPlace,
): Promise<KeptAnswer | undefined> {
  const { rows } = await sql<KeptAnswer>`
    select sealed from posthorn.kept_answers
    where tenant = ${tenant} and caller = ${caller} and key = ${key} and created_at > now() - ${KEPT}`.execute(
    db,
  );
  return rows[0];
}

/**
 * Takes the key for this transaction's answer; false where another has it. Of two at once the second waits here for the first's
 * commit, so it has to come before any lock that the first may wait for.
 */
export async function claimAnswer(
  trx: Transaction<Schema>,
  { tenant, caller, key }: AnswerPlace,
): Promise<boolean> {
  const { rows } = await sql`
    insert into posthorn.kept_answers as kept (tenant, caller, key, created_at)
    values (${tenant}, ${caller}, ${key}, now())
    on conflict (tenant, caller, key) do update set created_at = now(), sealed = null, shows = null
    where kept.created_at <= now() - ${KEPT}
    returning true`.execute(trx);
  return rows.length === 1;
}

/** Keeps the answer under the key that this transaction has taken. */
export async function keepAnswer(
  trx: Transaction<Schema>,
  { tenant, caller, key }: AnswerPlace,
  { sealed, shows }: { sealed: Buffer; shows: number | string },
): Promise<void> {
  await sql`
    update posthorn.kept_answers set sealed = ${sealed}, shows = ${String(shows)}
    where tenant = ${tenant} and caller = ${caller} and key = ${key}`.execute(trx);
}

/**
 * Drops the answers that show a webhook, or an API key, whose secret is another now or is no more. That they were given stays
 * known: what made it must not be done again under the same key.
 */
export async function dropAnswers(db: Db, shows: number | string): Promise<void> {
  await sql`
    update posthorn.kept_answers set sealed = null
    where shows = ${String(shows)} and created_at > now() - ${KEPT}`.execute(db);
}

/** In how many seconds the tenant's oldest answer goes; undefined where it has fewer than `max`. */
export async function findAnswersFull(
  db: Db,
  tenant: string,
  max: number,
): Promise<number | undefined> {
  const { rows } = await sql<{ count: number; wait_s: number }>`
    select count(*) as count, ceil(extract(epoch from min(created_at) + ${KEPT} - now()))::integer as wait_s
    from (
      select created_at from posthorn.kept_answers
      where tenant = ${tenant} and created_at > now() - ${KEPT} limit ${max}
    ) as counted`.execute(db);
  const [found] = rows;
  return found && found.count >= max ? Math.max(1, found.wait_s) : undefined;
}

/** Lets go of those that are kept no longer. Answers how many. */
export function forgetAnswers(pool: pg.Pool): Promise<number> {
  return move(
    pool,
    "forget answers",
    `delete from posthorn.kept_answers where (tenant, caller, key) in (
       select tenant, caller, key from posthorn.kept_answers
       where created_at <= now() - interval '24 hours'
       order by created_at limit $1 for update skip locked
     )`,
  );
}
