// Queues what a replay found, behind live ones: a claim takes ready rows by due_at, and theirs is a day ahead.
import type pg from "pg";

import { readInPassing, type Read } from "../database/read.ts";
import type { DeliveryCause } from "../database/schema.ts";
import { groupsOfDays } from "../database/days.ts";
import { findMatches, type LeftOut, type Match, type ReplaySearch } from "./replay-matches.ts";

/** What one step put into the queue. `uncounted` of them lie behind where the count broke off. */
export type Queued = {
  ids: string[];
  leftOut: LeftOut;
  uncounted: number;
  position: string | null;
};

/**
 * Queues what matches next, at most `room`, in the order of the events. The caller holds the webhook's lock on sending
 * again, in a transaction.
 */
export async function queueMatches(
  client: pg.ClientBase,
  search: ReplaySearch & { cause: "replay" | "retry"; counted_to: string | null },
  horizon: string,
  room: number,
): Promise<Queued> {
  await holdDays(client);
  const { matches, leftOut, position } = await findMatches(readInPassing(client), search, {
    horizon,
    rowsMax: room,
  });
  const { counted_to } = search;
  const queued = await queueAgain(client, search, matches);
  return {
    ids: queued.map(({ id }) => id).sort(),
    leftOut: {
      ...leftOut,
      payload_gone: leftOut.payload_gone + matches.length - queued.length,
    },
    uncounted: matches.filter(({ place }) => counted_to !== null && place > counted_to).length,
    position,
  };
}

// A day that is let go waits for who holds its parent, then looks whether its events are pending: by what is queued here.
async function holdDays(client: pg.ClientBase): Promise<void> {
  await client.query(
    `lock table only posthorn.finished_deliveries, only posthorn.events, only posthorn.event_payloads
     in access share mode`,
  );
}

type Again = { tenant: string; webhook_id: number; cause: Exclude<DeliveryCause, "publish"> };

/**
 * Queues events of a webhook again, in their order; those that are gone are left out. The caller holds the webhook's lock on
 * sending again, and has seen that none is pending.
 */
export async function queueAgain(
  client: pg.ClientBase,
  again: Again,
  matches: readonly Pick<Match, "event_id" | "sequence" | "payload_bytes">[],
): Promise<{ id: string; event_id: string }[]> {
  await holdDays(client);
  const { tenant, webhook_id, cause } = again;
  const channels = await readChannels(readInPassing(client), again, matches);
  const found = matches.filter(({ event_id }) => channels.has(event_id));
  if (found.length === 0) return [];
  const { rows } = await client.query<{ id: string; event_id: string }>(
    `insert into posthorn.deliveries
       (state, lane, payload_bytes, id, event_id, webhook_id, sequence, due_at, created_at, tenant, cause)
     select posthorn.first_state(w.paused, w.health, w.delivery_order), posthorn.lane(w.delivery_order, m.channel),
       m.payload_bytes, posthorn.uuid_v7(clock.at, m.item), m.event_id, w.webhook_id, m.sequence,
       clock.at + interval '1 day', clock.at, $1, $3
     from (
       select *, row_number() over (order by event_id)::integer as item
       from unnest($4::uuid[], $5::bigint[], $6::integer[], $7::text[]) as m (event_id, sequence, payload_bytes, channel)
     ) as m
     cross join (select clock_timestamp() as at offset 0) as clock
     join posthorn.webhooks as w on w.webhook_id = $2
     returning id, event_id`,
    [
      ...[tenant, webhook_id, cause],
      found.map(({ event_id }) => event_id),
      found.map(({ sequence }) => sequence),
      found.map(({ payload_bytes }) => payload_bytes),
      found.map(({ event_id }) => channels.get(event_id) ?? null),
    ],
  );
  return rows;
}

async function readChannels(
  read: Read,
  { tenant }: Again,
  events: readonly { event_id: string }[],
): Promise<Map<string, string | null>> {
  const channels = new Map<string, string | null>();
  for (const ids of groupsOfDays(events.map(({ event_id }) => event_id))) {
    const rows = await read<{ id: string; channel: string | null }>(
      "select id, channel from posthorn.events where bucket = 0 and tenant = $1 and id = any ($2::uuid[])",
      [tenant, ids],
    );
    for (const { id, channel } of rows) channels.set(id, channel);
  }
  return channels;
}
