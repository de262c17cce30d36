// What a text is the id, the key or the name of: each look goes by an index, or at so many rows at most.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { spanOf } from "../database/days.ts";
import { DAY } from "../kernel/duration.ts";
import { lowestUuidAt, timeOfUuid } from "../kernel/ids.ts";
import { isOfTenant, isSeenRow, isSeenWebhook, type Reach } from "./reach.ts";
import { BUCKET } from "./tenant.ts";

// Some ten milliseconds each: what was made before an attempt, and the newest events.
const DELIVERIES_LOOKED_AT = 10_000;
const EVENTS_LOOKED_AT = 2_000;
const TENANTS_LOOKED_AT = 5_000;
const BEFORE_ALL = ""; // no tenant's name comes before it

/** The delivery of an attempt, or undefined; looked for among those that were made last before it. */
export async function findDeliveryOfAttempt(
  db: Db,
  reach: Reach,
  id: string,
): Promise<string | undefined> {
  const { until } = spanOf(id);
  const from = lowestUuidAt(new Date(timeOfUuid(id).getTime() - DAY));
  const made = (table: "deliveries" | "finished_deliveries") => sql`(
    select id from posthorn.${sql.raw(table)}
    where ${isSeenRow(reach)} and id >= ${from} and id < ${until}
    order by id desc limit ${DELIVERIES_LOOKED_AT})`;
  // An attempt's id ends as its delivery's does.
  const { rows } = await sql<{ id: string }>`
    with made as materialized (
      select id from (${made("deliveries")} union all ${made("finished_deliveries")}) as made
      where right(id::text, 12) = right(${id}::text, 12)
    )
    select made.id from made where exists (
      select from posthorn.attempts as a
      where a.bucket = ${BUCKET} and a.delivery_id = made.id and a.id = ${id}
        and a.id >= ${spanOf(id).from} and a.id < ${until}
    )`.execute(db);
  return rows[0]?.id;
}

/** The events, one of a tenant, that were published under an idempotency key which is still remembered. */
export async function findKeyedEvents(
  db: Db,
  { tenant }: Reach,
  key: string,
  limit: number,
): Promise<string[]> {
  // Of all tenants: the index is asked for each one's in turn.
  const { rows } = await sql<{ event_id: string }>`
    with recursive tenants (name) as (
      select ${tenant ?? BEFORE_ALL}::text collate "C"
      union all
      select (
        select k.tenant from posthorn.idempotency_keys as k
        where k.tenant > tenants.name order by k.tenant limit 1
      ) from tenants where tenants.name is not null and ${tenant === null}::boolean
    ),
    asked as materialized (select name from tenants where name is not null limit ${TENANTS_LOOKED_AT})
    select k.event_id from asked
    join posthorn.idempotency_keys as k on k.tenant = asked.name and k.key = ${key}
    limit ${limit}`.execute(db);
  return rows.map(({ event_id }) => event_id);
}

/** Whether this is a channel: one that a webhook asks for, or of one of the newest events within two days. */
export async function isChannel(db: Db, reach: Reach, channel: string, now: Date) {
  const { rows } = await sql<{ is_known: boolean }>`
    select exists (
      select from posthorn.webhooks where ${isSeenWebhook(reach)} and deleted_at is null and ${channel} = any (channels)
    ) or exists (
      select from (
        select channel from posthorn.events
        where ${isOfTenant(reach)} and ${reach.webhooks === null}::boolean
          and id >= ${lowestUuidAt(new Date(now.getTime() - 2 * DAY))} and id < ${lowestUuidAt(new Date(now.getTime() + DAY))}
        order by id desc limit ${EVENTS_LOOKED_AT}
      ) as newest where channel = ${channel}
    ) as is_known`.execute(db);
  return rows[0]?.is_known ?? false;
}
