// Many events at once, each with its business row, in transactions of a thousand.
import type { World } from "./world.ts";

const AT_ONCE = 1_000;

/** Publishes `count` events in the home's database, past the proxy, for its own tenant or another. */
export async function publishMany(
  world: World,
  count: number,
  tenant: string = world.publishing.tenant,
): Promise<void> {
  for (let left = count; left > 0; left -= AT_ONCE) {
    const numbers = Array.from({ length: Math.min(left, AT_ONCE) }, () => world.ledger.next());
    const rows = await world.sql<{ event_id: string }>(
      `insert into public.orders
       select n, posthorn.publish('message.created', json_build_object('n', n)::text, channel => (n % $2)::text, tenant => $3)
       from unnest($1::integer[]) as n
       returning event_id`,
      [numbers, world.channels, tenant],
    );
    for (const { event_id } of rows) world.ledger.acknowledge(event_id);
  }
}
