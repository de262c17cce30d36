// Attempts as the API reads them.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { BUCKET } from "./tenant.ts";

export type AttemptRow = {
  id: string;
  number: number;
  at: Date;
  duration_ms: number;
  worker: string;
  url: string;
  preset: string;
  headers_masked: Record<string, string>;
  address: string | null;
  body_sha256: string | null;
  key_version: number | null;
  status: number | null;
  response_headers: Record<string, string> | null;
  response_body: string | null;
  reason: string | null;
  error: string | null;
};

const ATTEMPTS_MAX = 200; // a schedule has 20 waits at most; what is above comes of hastened retries

/** The attempts of a delivery, first to last. */
export async function listAttempts(
  db: Db,
  tenant: string,
  deliveryId: string,
): Promise<AttemptRow[]> {
  const { rows } = await sql<AttemptRow>`
    select a.id, a.number, a.at, a.duration_ms, a.worker, v.url, v.preset, v.headers_masked, a.address, encode(a.body_sha256, 'hex') as body_sha256,
      a.key_version, a.status, a.response_headers, a.response_body, a.reason, a.error
    from posthorn.attempts as a
    join posthorn.webhook_versions as v on v.webhook_id = a.webhook_id and v.version = a.webhook_version
    where a.bucket = ${BUCKET} and a.tenant = ${tenant} and a.delivery_id = ${deliveryId}
      and a.id >= posthorn.lowest_of_millisecond(${deliveryId})
    order by a.id limit ${ATTEMPTS_MAX}`.execute(db);
  return rows;
}
