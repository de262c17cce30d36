// Attempts as the API reads them.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { readBy } from "../database/read.ts";
import { HOUR } from "../kernel/duration.ts";
import { timeOfUuid } from "../kernel/ids.ts";
import type { Sized } from "../kernel/lists.ts";
import { partsBack, readParts, readSpan, within } from "../database/days.ts";
import { BUCKET } from "./tenant.ts";
import { withinBytes } from "./within-bytes.ts";

export type AttemptRow = {
  id: string;
  number: number;
  at: Date;
  resent_at: Date | null;
  traceparent: string | null;
  duration_ms: number;
  worker: string;
  url: string;
  preset: string;
  preset_settings: unknown;
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

const SIZE = sql`coalesce(octet_length(response_body), 0) + coalesce(octet_length(response_headers::text), 0)
  + octet_length(headers_masked::text)`;

const MARGIN_MS = 1 * HOUR; // by which the clock of whoever made an attempt may be ahead

/**
 * The last attempts of a delivery, newest first: begun since it was made, and before it ended. No more of them than `limit`,
 * nor than hold `bytesMax` together.
 */
export async function listAttempts(
  db: Db,
  tenant: string,
  delivery: { id: string; finished_at: Date | null },
  size: { limit: number; bytesMax: number },
): Promise<(AttemptRow & Sized)[]> {
  const { id, finished_at: end } = delivery;
  const until = end ? new Date(end.getTime() + MARGIN_MS) : undefined;
  const span = within(await readSpan(readBy(db), "attempts"), { since: timeOfUuid(id), until });
  return readParts(partsBack(span), size, async (part, limit, bytesMax) => {
    const page = sql`
    select a.id, a.number, a.at, a.resent_at, a.traceparent, a.duration_ms, a.worker, v.url, v.preset, v.preset_settings, v.headers_masked, a.address, encode(a.body_sha256, 'hex') as body_sha256,
      a.key_version, a.status, a.response_headers, a.response_body, a.reason, a.error
    from posthorn.attempts as a
    join posthorn.webhook_versions as v on v.webhook_id = a.webhook_id and v.version = a.webhook_version
    where a.bucket = ${BUCKET} and a.tenant = ${tenant} and a.delivery_id = ${id}
      and a.id >= ${part.from} and a.id < ${part.until}
    order by a.id desc limit ${limit}`;
    const of = { size: SIZE, order: sql`id desc`, bytesMax };
    const { rows } = await sql<AttemptRow & Sized>`
      select * from ${withinBytes(page, of)} as within order by id desc`.execute(db);
    return rows;
  });
}
