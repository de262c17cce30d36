// Reads as one function, whatever they go over.
import { CompiledQuery } from "kysely";
import type pg from "pg";

import type { Db } from "./connect.ts";

/** Reads the rows of one statement. */
export type Read = <Row extends object>(text: string, values: unknown[]) => Promise<Row[]>;

/** Reads over Kysely. */
export function readBy(db: Db): Read {
  return async <Row extends object>(text: string, values: unknown[]) =>
    (await db.executeQuery<Row>(CompiledQuery.raw(text, values))).rows;
}

/** Reads over a pool, each statement on its own. */
export function readOn(pool: pg.Pool): Read {
  return async <Row extends object>(text: string, values: unknown[]) =>
    (await pool.query<Row>(text, values)).rows;
}

/** Reads within a transaction, and lets go at once of what a statement locked: its savepoint is taken back. */
export function readInPassing(client: pg.ClientBase): Read {
  return async <Row extends object>(text: string, values: unknown[]) => {
    await client.query("savepoint passing");
    const { rows } = await client.query<Row>(text, values);
    await client.query("rollback to savepoint passing; release savepoint passing");
    return rows;
  };
}
