// The way on without a secrets key that is lost: what it sealed can't be had again, and is held back until it is given anew.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { renewSecretsMark, type Sealer } from "../database/sealed.ts";
import { isReadable, sealedAnswers } from "./kept-answers-rotation.ts";
import { keepOwnChange } from "./webhook-changes.ts";
import { sealedWebhooks, unreadableOf, type SealedRow } from "./secrets-rotation.ts";

export type AbandonEnd = {
  /** Webhooks whose secrets no key given opens. */
  lost: number;
  /** Of these, how many were paused now. */
  paused: number;
  /** Answers kept for an idempotency key that no key given opens. */
  lostAnswers: number;
};

/**
 * Pauses and tells each webhook whose secrets no key given opens, and marks the database with the newest key given, so that
 * services start with it. Nothing is wiped: should the lost key turn up, it opens what it sealed. May be run again.
 */
export async function abandonSecrets(
  db: Db,
  sealer: Sealer,
  tell: (line: string) => void,
): Promise<AbandonEnd> {
  const end: AbandonEnd = { lost: 0, paused: 0, lostAnswers: 0 };
  for await (const rows of sealedWebhooks(db)) {
    for (const row of rows) {
      const fields = row.is_deleted ? [] : unreadableOf(sealer, row);
      if (fields.length === 0) continue;
      end.lost++;
      end.paused += await pause(db, row);
      tell(
        `webhook ${row.id} of tenant ${row.tenant}: no key given opens its ${fields.join(", ")}`,
      );
    }
  }
  for await (const answer of sealedAnswers(db)) if (!isReadable(sealer, answer)) end.lostAnswers++;
  await renewSecretsMark(db, sealer);
  return end;
}

/** The last lines: what was done, and what is left to do. */
export function tellAbandon({ lost, paused, lostAnswers }: AbandonEnd): string {
  const answers = `${lostAnswers} answers of the last day, kept for an idempotency_key, can't be given again: rotate or revoke what nobody has seen.`;
  if (lost === 0)
    return lostAnswers > 0
      ? `No webhook's secrets are lost. Services start again. ${answers}`
      : "Nothing is lost: the keys given open everything. Services start with them.";
  return [
    `${lost} webhooks have secrets that no key given opens; ${paused} of them were paused now. Services start again.`,
    "For each: webhooks.update with a new signature_key and all of its headers, tell its receiver the new key, then paused: false.",
    "What is published meanwhile is held for them, for POSTHORN_HOLD_H hours.",
    ...(lostAnswers > 0 ? [answers] : []),
  ].join("\n");
}

// Unless it was given new ones in this moment.
function pause(db: Db, row: SealedRow): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      update posthorn.webhooks set paused = true, updated_at = now()
      where webhook_id = ${row.webhook_id} and not paused and deleted_at is null
        and headers_sealed is not distinct from ${row.headers_sealed}
        and signature_key_sealed is not distinct from ${row.signature_key_sealed}`.execute(trx);
    if (numAffectedRows) await keepOwnChange(trx, row.webhook_id);
    return Number(numAffectedRows);
  });
}
