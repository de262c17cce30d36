// The row that our service writes of each attempt, for peers to write the same.
import { randomBytes } from "node:crypto";

import type pg from "pg";

export type AttemptRow = {
  id: string;
  deliveryId: string;
  at: Date;
  durationMs: number;
  status: number;
  sha256: Buffer;
  headers: string;
  body: string;
};

/** A table with the columns and the index of posthorn.attempts. */
export const ATTEMPTS_TABLE = `
  create table if not exists attempts (
    bucket smallint default 0 not null, number smallint not null, status smallint, duration_ms integer not null,
    webhook_version uuid not null, key_version integer, webhook_id bigint not null, delivery_id uuid not null,
    id uuid not null, at timestamptz not null, tenant text not null, worker text not null, address text, reason text,
    error text, body_sha256 bytea, response_headers json, response_body text, primary key (bucket, delivery_id, id)
  )`;

/** Writes down attempts, all that are given in one statement. */
export async function insertAttempts(pool: pg.Pool, rows: readonly AttemptRow[]): Promise<void> {
  const column = <T>(pick: (row: AttemptRow) => T): T[] => rows.map(pick);
  await pool.query({
    name: "attempts",
    text: `
      insert into attempts
        (id, delivery_id, at, duration_ms, status, body_sha256, response_headers, response_body,
         number, webhook_version, key_version, webhook_id, tenant, worker, address)
      select a.*, 1, gen_random_uuid(), 1, 1, 'bench', 'a worker', '127.0.0.1'
      from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::integer[], $5::smallint[], $6::bytea[], $7::json[], $8::text[]) as a`,
    values: [
      column((row) => row.id),
      column((row) => row.deliveryId),
      column((row) => row.at),
      column((row) => row.durationMs),
      column((row) => row.status),
      column((row) => row.sha256),
      column((row) => row.headers),
      column((row) => row.body),
    ],
  });
}

/** An id that rises with time, as all of ours do: random ones would cost a peer's index more than ours. */
export function uuidV7(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  const rest = randomBytes(10).toString("hex");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-8${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
}
