// Sealed values sealed anew with the newest key, beside running services: so that an older key can be dropped.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { renewSecretsMark, type Sealer, type SealedPlace } from "../database/sealed.ts";
import { rotateAnswer, sealedAnswers } from "./kept-answers-rotation.ts";

const BATCH_ROWS = 500; // a progress line, and at most so many rows of some hundred bytes in memory
const TRIES_MAX = 10; // for one webhook that others change in the same moments
const PASSES_MAX = 5; // a service that still runs with the older keys alone seals with them for ever

// Each with its place in the additional data.
const FIELDS = {
  headers_sealed: "headers",
  signature_key_sealed: "signature_key",
  previous_key_sealed: "previous_key",
} as const satisfies Record<string, SealedPlace["field"]>;
type Column = keyof typeof FIELDS;
const COLUMNS = Object.keys(FIELDS) as Column[];

export type SealedRow = Record<Column, Buffer | null> & {
  webhook_id: number;
  tenant: string;
  id: string;
  /** The overlap of the key that was rotated out has ended. */
  is_over: boolean;
  is_deleted: boolean;
};

export type RotationEnd = {
  resealed: number;
  /** Keys that were rotated out of their webhook, and whose overlap has ended. */
  wiped: number;
  /** Values that no key opens. */
  unreadable: number;
  /** Values that still need an older key. */
  left: number;
  isInterrupted: boolean;
};

/**
 * Seals everything with the newest key. Each webhook is a statement of its own that changes nothing where another has
 * changed it meanwhile, so that a concurrent update wins; then it is looked at again. Its version stays: what is sent
 * is the same. May be interrupted at any time, and run again.
 */
export async function rotateSecrets(
  db: Db,
  sealer: Sealer,
  { signal, tell }: { signal: AbortSignal; tell: (line: string) => void },
): Promise<RotationEnd> {
  const end: RotationEnd = { resealed: 0, wiped: 0, unreadable: 0, left: 0, isInterrupted: false };
  for (let pass = 1; pass <= PASSES_MAX; pass++) {
    const before = end.resealed + end.wiped;
    Object.assign(end, { unreadable: 0, left: 0 });
    let lookedAt = 0;
    for await (const rows of sealedWebhooks(db)) {
      for (const row of rows) {
        if (signal.aborted) return { ...end, isInterrupted: true };
        await rotateRow(db, sealer, row, end, pass === 1 ? tell : () => {});
      }
      lookedAt += rows.length;
      if (pass === 1) tell(`${lookedAt} webhooks looked at, ${end.resealed} values sealed anew`);
    }
    for await (const answer of sealedAnswers(db)) {
      if (signal.aborted) return { ...end, isInterrupted: true };
      const became = await rotateAnswer(db, sealer, answer);
      if (became === "resealed") end.resealed++;
      if (became === "lost") end.unreadable++;
      if (became === "lost" && pass === 1)
        tell(
          `an answer kept for an idempotency_key of tenant ${answer.tenant}: no key given opens it`,
        );
    }
    const changed = end.resealed + end.wiped - before;
    if (changed === 0) break; // what came in behind the pass before is done too
    if (pass === PASSES_MAX) end.left += changed;
  }
  if (end.left === 0) await renewSecretsMark(db, sealer);
  return end;
}

/** The last line: what is left, and whether the older keys can go. */
export function tellRotation({
  resealed,
  wiped,
  unreadable,
  left,
  isInterrupted,
}: RotationEnd): string {
  const done = `${resealed} values sealed anew, ${wiped} old signature keys wiped`;
  if (isInterrupted) return `Interrupted: ${done}. Keep the older keys, and run it again.`;
  if (left > 0)
    return `Not done: ${done}, ${left} values are sealed with an older key again. Restart every service with the newest key first, then run it again.`;
  const lost =
    unreadable === 0
      ? ""
      : ` ${unreadable} values can't be opened with any key given: give their webhooks new ones, or run it again with the key that they need.`;
  return `Done: ${done}.${lost} The older keys open nothing that is left: drop them from POSTHORN_SECRETS_KEY.`;
}

async function rotateRow(
  db: Db,
  sealer: Sealer,
  first: SealedRow,
  end: RotationEnd,
  tell: (line: string) => void,
): Promise<void> {
  let row: SealedRow | undefined = first;
  for (let tries = 0; row; tries++) {
    const { changes, resealed, unreadable } = changesOf(sealer, row);
    const wiped = row.is_over ? 1 : 0;
    const isDone = resealed + wiped === 0 || (await replaceSealed(db, row, changes));
    if (isDone) {
      for (const field of unreadable)
        tell(`webhook ${row.id} of tenant ${row.tenant}: no key given opens its ${field}`);
      end.resealed += resealed;
      end.wiped += wiped;
      end.unreadable += unreadable.length;
      return;
    }
    if (tries === TRIES_MAX) {
      end.left += resealed;
      return;
    }
    row = (await listSealed(db, row.webhook_id - 1, row.webhook_id))[0];
  }
}

function changesOf(sealer: Sealer, row: SealedRow) {
  const changes: Partial<Record<Column, Buffer | null>> = {};
  const unreadable: string[] = [];
  let resealed = 0;
  if (row.is_over) changes.previous_key_sealed = null;
  for (const column of COLUMNS) {
    const sealed = row[column];
    if (sealed === null || column in changes) continue;
    const place = { tenant: row.tenant, row: row.id, field: FIELDS[column] };
    try {
      const plain = sealer.open(sealed, place); // also what is sealed with the newest: it may be damaged
      if (sealer.isNewest(sealed)) continue;
      changes[column] = sealer.seal(plain, place);
      resealed++;
    } catch {
      unreadable.push(FIELDS[column]);
    }
  }
  return { changes, resealed, unreadable };
}

/** Which values of a webhook no key given opens. */
export function unreadableOf(sealer: Sealer, row: SealedRow): string[] {
  return changesOf(sealer, row).unreadable;
}

/** Every webhook that holds sealed values, some at a time. */
export async function* sealedWebhooks(db: Db): AsyncGenerator<SealedRow[]> {
  let last: SealedRow | undefined;
  do {
    const rows = await listSealed(db, last?.webhook_id ?? 0);
    if (rows.length > 0) yield rows;
    last = rows.at(-1);
  } while (last);
}

// The next of them, behind the one given.
async function listSealed(
  db: Db,
  after: number,
  last = Number.MAX_SAFE_INTEGER,
): Promise<SealedRow[]> {
  const { rows } = await sql<SealedRow>`
    select webhook_id, tenant, id, headers_sealed, signature_key_sealed, previous_key_sealed,
      previous_key_sealed is not null and previous_key_expires_at <= now() as is_over,
      deleted_at is not null as is_deleted
    from posthorn.webhooks
    where webhook_id > ${after} and webhook_id <= ${last}
      and (headers_sealed is not null or signature_key_sealed is not null or previous_key_sealed is not null)
    order by webhook_id limit ${BATCH_ROWS}`.execute(db);
  return rows;
}

/** Writes what was sealed anew, unless any of it was changed meanwhile. One row at a time: nobody waits for two. */
async function replaceSealed(
  db: Db,
  row: SealedRow,
  changes: Partial<Record<Column, Buffer | null>>,
): Promise<boolean> {
  const next = { ...row, ...changes };
  const { numAffectedRows } = await sql`
    update posthorn.webhooks set headers_sealed = ${next.headers_sealed},
      signature_key_sealed = ${next.signature_key_sealed}, previous_key_sealed = ${next.previous_key_sealed},
      previous_key_expires_at = case when ${next.previous_key_sealed}::bytea is null then null else previous_key_expires_at end
    where webhook_id = ${row.webhook_id}
      and headers_sealed is not distinct from ${row.headers_sealed}
      and signature_key_sealed is not distinct from ${row.signature_key_sealed}
      and previous_key_sealed is not distinct from ${row.previous_key_sealed}`.execute(db);
  return numAffectedRows === 1n;
}
