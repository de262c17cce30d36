// Being the only one at something, by a row of posthorn.locks. An advisory lock would not do: every role sees which are held,
// and can hold them too, for as long as it likes.
import { createHash } from "node:crypto";

import { sql, type Transaction } from "kysely";
import type pg from "pg";

import type { Schema } from "./schema.ts";
import type { Session } from "./session.ts";

/** What is locked by itself, below the slots that names are spread over. */
export const LOCK = {
  partitions: -1,
  retention: -2,
  "first admin key": -3,
  fold: -4,
  metrics: -5,
  move: -6,
} as const;

// Two names of one slot wait for each other, for the moment that a transaction takes: so there are many slots, and rows made
// for each name would stay for ever.
const SLOTS = 1024;

/** The slot of a name: the same in every process. A transaction takes one, or two could wait for each other. */
export function lockOf(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE() % SLOTS;
}

/** Waits for the lock and holds it until the transaction ends. What its last holder wrote, the next statement sees. */
export async function lock(trx: Transaction<Schema>, slot: number): Promise<void> {
  const { rows } = await sql`select from posthorn.locks where slot = ${slot} for update`.execute(
    trx,
  );
  if (rows.length !== 1) throw new Error(`posthorn.locks has lost its row ${slot}`);
}

/** The same over a plain client. */
export async function lockOn(client: pg.ClientBase, slot: number): Promise<void> {
  const { rowCount } = await client.query("select from posthorn.locks where slot = $1 for update", [
    slot,
  ]);
  if (rowCount !== 1) throw new Error(`posthorn.locks has lost its row ${slot}`);
}

/** Takes the lock until the transaction ends, where nobody has it; answers whether. */
export async function tryLock(client: pg.ClientBase, slot: number): Promise<boolean> {
  const { rowCount } = await client.query(
    "select from posthorn.locks where slot = $1 for update skip locked",
    [slot],
  );
  return rowCount === 1;
}

/** Takes the lock for as long as the session lives, where no living session has it; answers whether. */
export async function tryHold(client: Session, slot: number): Promise<boolean> {
  const { rowCount } = await client.query(
    `update posthorn.locks as l set holder_pid = own.pid, holder_start = own.backend_start
     from pg_catalog.pg_stat_activity as own
     where own.pid = pg_backend_pid() and l.slot = $1 and not exists (
       select from pg_catalog.pg_stat_activity as a
       where a.pid = l.holder_pid and a.backend_start = l.holder_start
     )`,
    [slot],
  );
  return rowCount === 1;
}
