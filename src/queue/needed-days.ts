// Days that are past their retention and that something pending needs still.
import { partsForth } from "../database/days.ts";
import type { Session } from "../database/session.ts";
import type { PartitionedTable } from "../database/partitions.ts";

/** A day of a table, as the ids of that day. */
export type DayOfTable = {
  table: PartitionedTable;
  from: string;
  to: string;
  /** Behind the last day there may be. */
  end: string;
};

// What is not sent yet, or not yet fanned out, needs its event and payload; and, so that its story stays whole, the attempts and the finished
// deliveries of that event. Each is a look into an index for a span of a day.
const PENDING_EVENT = `exists (
  select from posthorn.deliveries as d where d.bucket = 0 and d.event_id >= $1 and d.event_id < $2) or exists (
  select from posthorn.expansions as x where x.bucket = 0 and x.event_id >= $1 and x.event_id < $2)`;

// A delivery that ends is kept under its own id, which a retry, a replay or a late fan-out made on a later day than its
// event's: without that day's partition it could never end. By the webhooks, since by id alone no index leads to it.
const PENDING_OF_DAY = `exists (
    select from posthorn.webhooks as w
    where exists (
      select from posthorn.deliveries as d
      where d.bucket = 0 and d.webhook_id = w.webhook_id and d.webhook_id > 0 and d.id >= $1 and d.id < $2
      offset 0
    ))`;

const NEEDED: Partial<Record<PartitionedTable, string>> = {
  events: PENDING_EVENT, // and what is finished of them, which is looked at after it
  event_payloads: PENDING_EVENT,
  attempts: `${PENDING_EVENT} or exists (
    select from posthorn.deliveries as d
    join posthorn.attempts as a on a.bucket = d.bucket and a.delivery_id = d.id and a.id >= $1 and a.id < $2
    where d.bucket = 0 and d.event_id < $2)`,
  finished_deliveries: `${PENDING_EVENT} or exists (
    select from posthorn.deliveries as d
    join posthorn.finished_deliveries as f
      on f.bucket = d.bucket and f.event_id = d.event_id and f.id >= $1 and f.id < $2
    where d.bucket = 0 and d.event_id < $2) or ${PENDING_OF_DAY}`,
};

/** Says whether a day has to stay although it is past its retention. */
export async function isNeeded(client: Session, partition: DayOfTable): Promise<boolean> {
  const { table, from, to } = partition;
  const condition = NEEDED[table];
  if (condition !== undefined && (await isTrue(client, condition, [from, to]))) return true;
  return table === "events" && (await isFinishedLater(client, partition));
}

// An event's finished deliveries stand on any day since its own. What was pending before is finished by now, or still pending.
async function isFinishedLater(client: Session, { from, to, end }: DayOfTable): Promise<boolean> {
  const finished = `exists (
    select from posthorn.finished_deliveries as f
    where f.bucket = 0 and f.event_id >= $1 and f.event_id < $2 and f.id >= $3 and f.id < $4)`;
  for (const part of partsForth({ from, until: end }))
    if (await isTrue(client, finished, [from, to, part.from, part.until])) return true;
  return false;
}

async function isTrue(client: Session, condition: string, values: unknown[]): Promise<boolean> {
  const { rows } = await client.query<{ is: boolean }>(`select ${condition} as is`, values);
  return rows[0]?.is === true;
}
