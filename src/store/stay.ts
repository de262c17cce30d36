// Writing where a tenant lives, and nowhere else: what is written of one that is being moved would be left behind.
import { sql, type Transaction } from "kysely";

import type { Db } from "../database/connect.ts";
import type { Schema } from "../database/schema.ts";

/**
 * Keeps a tenant where it is until the transaction ends; a move waits for that. Fails with PH503 where it lives in another cell by now,
 * or is being moved.
 */
export async function stay(trx: Transaction<Schema>, tenant: string): Promise<void> {
  await sql`select posthorn.stay(${tenant})`.execute(trx);
}

/** The same database, every transaction of which begins by that: for calls that write, where there are several cells. */
export function staying(db: Db, tenant: string): Db {
  const transaction = () => ({
    execute: <T>(work: (trx: Transaction<Schema>) => Promise<T>) =>
      db.transaction().execute(async (trx) => {
        await stay(trx, tenant);
        return work(trx);
      }),
  });
  return new Proxy(db, {
    get(target, name) {
      if (name === "transaction") return transaction;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
