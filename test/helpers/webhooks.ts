// Many webhooks at once: by SQL, since thousands of subscribes take a minute.
import type pg from "pg";

/**
 * Makes a tenant's webhooks: each of one channel of its own, "1" and so on, or each of every event. Answers their ids, in the
 * order of those channels, or rising.
 */
export async function makeWebhooks(
  client: pg.ClientBase | pg.Pool,
  tenant: string,
  count: number,
  {
    ownChannels = false,
    order = "none",
    paused = false,
  }: { ownChannels?: boolean; order?: "none" | "channel" | "webhook"; paused?: boolean } = {},
): Promise<number[]> {
  const { rows } = await client.query<{ webhook_id: string }>(
    `with made as (
       insert into posthorn.webhooks
         (tenant, id, status, url, preset, events, channels, delivery_order, paused, created_at, updated_at)
       select $1, gen_random_uuid(), 'Subscribed', 'http://127.0.0.1:1/', 'airy', '{}',
         case when $3 then array[n::text] else '{}' end, $4, $5, now(), now()
       from generate_series(1, $2::integer) as n
       returning webhook_id, tenant, channels
     ),
     stated as (insert into posthorn.webhook_states (webhook_id) select webhook_id from made),
     routed as (
       insert into posthorn.routes (tenant, type_pattern, channel, webhook_id)
       select tenant, '*', coalesce(channels[1], ''), webhook_id from made
     )
     select webhook_id from made order by channels[1]::integer, webhook_id`,
    [tenant, count, ownChannels, order, paused],
  );
  return rows.map((row) => Number(row.webhook_id));
}
