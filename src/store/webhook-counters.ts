// What has become of one webhook's deliveries, in numbers.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { BUCKET } from "./tenant.ts";

export type Counters = {
  delivered: number;
  dead: number;
  pending: number;
  last_success_at: Date | null;
  last_failure_at: Date | null;
};

const PENDING_COUNT_MAX = 10_000; // counting further would read the whole queue for one number on a page

/** What has become of a webhook's deliveries; `pending` counts to 10,000 and stays there. */
export async function readCounters(db: Db, webhookId: number): Promise<Counters> {
  const { rows } = await sql<Counters>`
    select
      coalesce(sum(delivered), 0)::bigint as delivered,
      coalesce(sum(dead), 0)::bigint as dead,
      max(last_success_at) as last_success_at,
      max(last_failure_at) as last_failure_at,
      (select count(*) from (
        select from posthorn.deliveries
        where bucket = ${BUCKET} and webhook_id = ${webhookId} limit ${PENDING_COUNT_MAX}
      ) as counted) as pending
    from (
      select delivered, dead, last_success_at, last_failure_at from posthorn.counters
      where bucket = ${BUCKET} and webhook_id = ${webhookId}
      union all
      select delivered, dead, last_success_at, last_failure_at from posthorn.counter_deltas
      where bucket = ${BUCKET} and webhook_id = ${webhookId}
    ) as parts`.execute(db);
  const [counters] = rows;
  if (!counters) throw new Error("an aggregate without a row");
  return counters;
}
