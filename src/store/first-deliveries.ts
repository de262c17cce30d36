// The first delivery that an event has to webhooks which alone are seen: by it the event comes to be for who sees no others.
import { sql } from "kysely";

import type { Db } from "../database/connect.ts";
import { partsForth, readSpan, within } from "../database/days.ts";
import { readBy } from "../database/read.ts";
import { timeOfUuid } from "../kernel/ids.ts";
import { isSeenRow, type Reach } from "./reach.ts";

/** By event, its first delivery to a webhook that is seen; those that have none are left out. */
export async function findFirstDeliveries(
  db: Db,
  reach: Reach,
  eventIds: readonly string[],
): Promise<Map<string, string>> {
  const first = new Map<string, string>();
  const ids = [...new Set(eventIds)].sort();
  const [oldest] = ids;
  if (oldest === undefined) return first;
  const span = await readSpan(readBy(db), "finished_deliveries");
  // A delivery is never older than its event.
  for (const part of partsForth(within(span, { since: timeOfUuid(oldest) }))) {
    const open = ids.filter((id) => !first.has(id) && id < part.until);
    if (open.length === 0) continue;
    const { rows } = await sql<{ event_id: string; id: string }>`
      select distinct on (event_id) event_id, id from posthorn.all_deliveries
      where ${isSeenRow(reach)} and event_id = any (${open}::uuid[]) and id >= ${part.from} and id < ${part.until}
      order by event_id, id`.execute(db);
    for (const { event_id, id } of rows) first.set(event_id, id);
    if (first.size === ids.length) break;
  }
  return first;
}
