// Attempts as the API reads them.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { HOUR } from "../kernel/duration.ts";
import { timeOfUuid } from "../kernel/ids.ts";
import { partsForth, readParts, readSpan, within } from "./days.ts";
import { BUCKET } from "./tenant.ts";

export type AttemptRow = {
  id: string;
  number: number;
  at: Date;
  resent_at: Date | null;
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

const MARGIN_MS = 1 * HOUR; // by which the clock of whoever made an attempt may be ahead

/** The attempts of a delivery, first to last: begun since it was made, and before it ended. */
export async function listAttempts(
  db: Db,
  tenant: string,
  delivery: { id: string; finished_at: Date | null },
): Promise<AttemptRow[]> {
  const { id, finished_at: end } = delivery;
  const until = end ? new Date(end.getTime() + MARGIN_MS) : undefined;
  const span = within(await readSpan(db, "attempts"), { since: timeOfUuid(id), until });
  return readParts(partsForth(span), ATTEMPTS_MAX, async (part, limit) => {
    const { rows } = await sql<AttemptRow>`
    select a.id, a.number, a.at, a.resent_at, a.duration_ms, a.worker, v.url, v.preset, v.headers_masked, a.address, encode(a.body_sha256, 'hex') as body_sha256,
      a.key_version, a.status, a.response_headers, a.response_body, a.reason, a.error
    from posthorn.attempts as a
    join posthorn.webhook_versions as v on v.webhook_id = a.webhook_id and v.version = a.webhook_version
    where a.bucket = ${BUCKET} and a.tenant = ${tenant} and a.delivery_id = ${id}
      and a.id >= ${part.from} and a.id < ${part.until}
    order by a.id limit ${limit}`.execute(db);
    return rows;
  });
}
