// How often a webhook is tested: counted in the database, since any number of processes may be asked to.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { BUCKET } from "./tenant.ts";

const PER_MINUTE_MAX = 10; // a person presses it a few times; more would be a way to flood a stranger's server

/** A test that may be made, with the database's time and an id for its attempt; or how long to wait for the next one. */
export type Admission =
  { kind: "admitted"; at: Date; attemptId: string } | { kind: "refused"; retryAfterS: number };

/** Counts a test of a webhook, unless it has had ten within the last minute. */
export async function admitTest(db: Db, webhookId: number): Promise<Admission> {
  const { rows } = await sql<{ at: Date; attempt_id: string }>`
    insert into posthorn.webhook_states as s (bucket, webhook_id, tested_at)
    values (${BUCKET}, ${webhookId}, array[now()])
    on conflict (bucket, webhook_id) do update
      set tested_at = array(select t from unnest(s.tested_at) as t where t > now() - interval '1 minute') || now()
      where (select count(*) from unnest(s.tested_at) as t where t > now() - interval '1 minute') < ${PER_MINUTE_MAX}
    returning now() as at, posthorn.uuid_v7(now(), 0) as attempt_id`.execute(db);
  const [row] = rows;
  if (row) return { kind: "admitted", at: row.at, attemptId: row.attempt_id };
  return { kind: "refused", retryAfterS: await readWaitS(db, webhookId) };
}

// Until the oldest of them is a minute ago.
async function readWaitS(db: Db, webhookId: number): Promise<number> {
  const { rows } = await sql<{ wait_s: number | null }>`
    select ceil(extract(epoch from min(t) + interval '1 minute' - now()))::integer as wait_s
    from posthorn.webhook_states as s, unnest(s.tested_at) as t
    where s.bucket = ${BUCKET} and s.webhook_id = ${webhookId} and t > now() - interval '1 minute'`.execute(
    db,
  );
  return Math.max(1, rows[0]?.wait_s ?? 1);
}
