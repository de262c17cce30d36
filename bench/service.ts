// Posthorn as a user sets it up: settings, webhooks, and what is published to them.
import pg from "pg";
import { Pool } from "undici";

import { startService } from "./children.ts";
import { SIGNATURE_KEY } from "./receiver.ts";

const ADMIN_KEY = "the-admin-key-of-the-bench";
export const CONCURRENCY = 256; // the service's default, and what peers and limits get

const PUBLISHED_AT_ONCE = 500;
const SUBSCRIBED_AT_ONCE = 500; // by one call

/** Settings of a service that uses a database. */
export function settings(databaseUrl: string): NodeJS.ProcessEnv {
  return {
    DATABASE_URL: databaseUrl,
    PORT: "0",
    LOG_LEVEL: "warn",
    POSTHORN_ADMIN_KEY: ADMIN_KEY,
    POSTHORN_SECRETS_KEY: Buffer.alloc(32, 1).toString("base64"),
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
  };
}

export type Subscription = { url: string; channels?: string[] };

/** Subscribes webhooks of a tenant and marks them as proven: in life they have had a success long ago. */
export const subscribe = (
  databaseUrl: string,
  tenant: string,
  webhooks: readonly Subscription[],
): Promise<void> => subscribeTenants(databaseUrl, { [tenant]: webhooks });

/** The same for many tenants, by name. */
export async function subscribeTenants(
  databaseUrl: string,
  tenants: Readonly<Record<string, readonly Subscription[]>>,
): Promise<void> {
  const sql = new pg.Client({ connectionString: databaseUrl });
  await sql.connect();
  // Only until the figures begin: 10,000 commits that each reach the disk would take longer than many of them.
  await sql.query("alter role current_user set synchronous_commit = off");
  const api = await startService("api", settings(databaseUrl));
  const http = new Pool(api.url);
  for (const [tenant, webhooks] of Object.entries(tenants))
    for (let from = 0; from < webhooks.length; from += SUBSCRIBED_AT_ONCE)
      await subscribeMany(http, tenant, webhooks.slice(from, from + SUBSCRIBED_AT_ONCE));
  await http.close();
  await api.stop();
  await sql.query("alter role current_user reset synchronous_commit");
  await sql.query("update posthorn.webhook_states set proven = true");
  await sql.query("vacuum analyze posthorn.webhook_states, posthorn.webhooks, posthorn.routes");
  await sql.end();
}

async function subscribeMany(http: Pool, tenant: string, webhooks: readonly Subscription[]) {
  const answer = await http.request({
    method: "POST",
    path: "/webhooks.subscribe_many",
    headers: headersOf(tenant),
    body: JSON.stringify({
      webhooks: webhooks.map((webhook) => ({ ...webhook, signature_key: SIGNATURE_KEY })),
    }),
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(text);
}

export function headersOf(tenant: string): Record<string, string> {
  return {
    authorization: `Bearer ${ADMIN_KEY}`,
    "content-type": "application/json",
    "x-tenant": tenant,
  };
}

/** A payload of about so many bytes. */
export function payloadOf(bytes: number): string {
  return JSON.stringify({ text: "x".repeat(bytes - '{"text":""}'.length) });
}

/**
 * Publishes `count` events, over the channels in turn, on two connections: as `events.publish_many` stores them, since
 * what a worker finds is the same and one by one would take several times as long.
 */
export async function publish(
  databaseUrl: string,
  tenant: string,
  options: { count: number; channels: readonly string[]; payload: string },
): Promise<void> {
  let published = 0;
  await Promise.all(
    [1, 2].map(async () => {
      const sql = new pg.Client({ connectionString: databaseUrl });
      await sql.connect();
      while (published < options.count) {
        const count = Math.min(PUBLISHED_AT_ONCE, options.count - published);
        published += count;
        await sql.query(
          `select count(*) from posthorn.store_events($3::text,
             array_fill('message.created'::text, array[$5::integer]), array_fill($1::text, array[$5::integer]),
             (select array_agg(($2::text[])[n % cardinality($2::text[]) + 1] order by n)
              from generate_series($4::integer, $4::integer + $5::integer - 1) as n),
             array_fill(null::timestamptz, array[$5::integer]), array_fill(null::text, array[$5::integer]), true)`,
          [options.payload, options.channels, tenant, published, count],
        );
      }
      await sql.end();
    }),
  );
}
