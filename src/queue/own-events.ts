// The service's own events: stored by the loop, in the transaction of what they tell of.
import type pg from "pg";

/** One of the service's own events, by its tenant. `payload` is a plain object. */
export type OwnEvent = { tenant: string; type: string; payload: Record<string, unknown> };

/** Stores the service's own events in the caller's transaction; they go only where they are named. */
export async function storeOwnEvents(
  client: pg.ClientBase,
  events: readonly OwnEvent[],
): Promise<void> {
  for (const tenant of new Set(events.map((event) => event.tenant))) {
    const own = events.filter((event) => event.tenant === tenant);
    const nulls = own.map(() => null);
    await client.query(
      "select from posthorn.store_events($1, $2::text[], $3::text[], $4::text[], $4::timestamptz[], $4::text[], true, true)",
      [
        tenant,
        own.map((event) => event.type),
        own.map((event) => JSON.stringify(event.payload)),
        nulls,
      ],
    );
  }
}
