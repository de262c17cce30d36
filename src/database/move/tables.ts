// What a tenant's rows are, table by table: each is moved with its tenant, or named with the reason why not.
import type pg from "pg";

/** A table that a tenant has rows in, as a move treats it. */
export type MovedTable = {
  name: string;
  /** Which rows are a tenant's: a condition in SQL of the tenant's name, as a literal. */
  of: (tenant: string) => string;
  /** Rows of the same key that are there already give way: such as may have come to be there by events that were forwarded. */
  replaces?: true;
  /** A column that is as it is by default where the rows arrive. */
  butColumn?: string;
};

const own = (tenant: string) => `tenant = ${tenant}`;
const ownOfBucket = (tenant: string) => `bucket = 0 and tenant = ${tenant}`;
const ofWebhooks = (tenant: string) =>
  `bucket = 0 and webhook_id in (select webhook_id from posthorn.webhooks where tenant = ${tenant})`;

/** What moves. */
export const MOVED: readonly MovedTable[] = [
  { name: "webhooks", of: own },
  { name: "webhook_versions", of: own },
  { name: "webhook_changes", of: own },
  { name: "webhook_states", of: ofWebhooks, butColumn: "leaves" },
  { name: "counters", of: ofWebhooks, replaces: true },
  { name: "counter_deltas", of: ownOfBucket },
  { name: "keys", of: own },
  {
    name: "portal_links",
    of: (tenant) => `key_id in (select id from posthorn.keys where tenant = ${tenant})`,
  },
  { name: "event_types", of: own, replaces: true },
  { name: "event_type_versions", of: own, replaces: true },
  { name: "idempotency_keys", of: own, replaces: true },
  { name: "kept_answers", of: own, replaces: true },
  { name: "erasures", of: own, replaces: true },
  { name: "replays", of: ownOfBucket },
  { name: "expansions", of: ownOfBucket },
  { name: "deliveries", of: ownOfBucket },
  { name: "finished_deliveries", of: ownOfBucket },
  {
    // By the deliveries: no index begins with its tenant.
    name: "attempts",
    of: (tenant) => `bucket = 0 and delivery_id in (
      select id from posthorn.deliveries where bucket = 0 and tenant = ${tenant}
      union all select id from posthorn.finished_deliveries where bucket = 0 and tenant = ${tenant})`,
  },
  { name: "events", of: ownOfBucket },
  { name: "event_payloads", of: ownOfBucket },
  { name: "stats_minutes", of: ownOfBucket, replaces: true },
  { name: "stats_hours", of: ownOfBucket, replaces: true },
];

/** What does not move, and why. */
export const NOT_MOVED: Record<string, string> = {
  routes: "made anew of the webhooks where they arrive",
  placements: "says where it lives: written by the move itself",
  forwards: "wait where they were published, and are forwarded to where their tenant lives",
  publishers: "rights of a database's own roles: they publish there as before",
  settings: "of the database",
  locks: "of the database",
  migrations: "of the database",
  workers: "who is at work on the database",
};

/** Moved tables whose rows stay where the tenant lived, too: what is published there by SQL is judged by them. */
export const STAYING = ["event_types", "idempotency_keys"];

/** A tenant's name in SQL: COPY takes no parameters. */
export function literal(tenant: string): string {
  if (!/^[a-z0-9_-]{1,64}$/.test(tenant)) throw new Error("this is no tenant's name");
  return `'${tenant}'`;
}

/** How many rows of each table are a tenant's, of those that have any. */
export async function countRows(
  client: pg.ClientBase,
  tenant: string,
): Promise<{ name: string; rows: number }[]> {
  const counted = [];
  for (const { name, of } of MOVED) {
    const { rows } = await client.query<{ count: string }>(
      `select count(*) from posthorn.${name} where ${of(literal(tenant))}`,
    );
    counted.push({ name, rows: Number(rows[0]?.count) });
  }
  return counted.filter(({ rows }) => rows > 0);
}
