// What has to hold in the database once everything was delivered, whatever has happened before.
import type { World } from "./world.ts";

/** Each counts what should not be there. */
const CONTRADICTIONS: Record<string, string> = {
  "deliveries are left over": "select count(*) from posthorn.deliveries where bucket = 0",
  "deliveries ended other than delivered":
    "select count(*) from posthorn.finished_deliveries where status <> 'delivered'",
  "events were finished twice for a webhook":
    "select count(*) - count(distinct (event_id, webhook_id)) as count from posthorn.finished_deliveries",
  "sequence numbers were given twice by a webhook":
    "select count(*) - count(distinct (webhook_id, sequence)) as count from posthorn.finished_deliveries",
  "deliveries are delivered without a record of it": `
    select count(*) from posthorn.finished_deliveries as f where not exists (
      select from posthorn.attempts as a where a.delivery_id = f.id and a.status between 200 and 299)`,
  // The first wait is two seconds, kept exactly; a clock that is an hour ahead would skip it.
  "second attempts came before their time": `
    select count(*) from posthorn.attempts as a join posthorn.attempts as b on b.delivery_id = a.delivery_id
    where a.number = 1 and b.number = 2 and b.at - a.at < interval '1.9 seconds'`,
  "events wait to be forwarded": "select count(*) from posthorn.forwards",
};

/** Answers, in words, what contradicts, in each database and between them. */
export async function findContradictions(world: World): Promise<string[]> {
  const found: string[] = [];
  for (const { name, sql } of world.cells)
    for (const [what, text] of Object.entries(CONTRADICTIONS)) {
      const [row] = await sql<{ count: string }>(text);
      if (row?.count !== "0") found.push(`${row?.count} ${what} (${name})`);
    }
  const numbers = (
    await world.everywhere<{ n: number }>(
      "select (payload::json ->> 'n')::integer as n from posthorn.v_events",
    )
  ).map(({ n }) => n);
  const stored = new Set(numbers);
  const twice = numbers.length - stored.size;
  if (twice > 0) found.push(`${twice} publishes were stored as two events`);
  const orders = await world.sql<{ n: number }>("select n from public.orders");
  const without = orders.filter(({ n }) => !stored.has(n)).length;
  if (without > 0) found.push(`${without} business rows are without their event`);
  return found;
}

/** Says how attempts ended other than well, for whoever has to find out why. */
export async function describeFailures({
  everywhere,
}: Pick<World, "everywhere">): Promise<string[]> {
  const rows = await everywhere<{ number: number; how: string; count: number }>(
    `select number, concat_ws(' ', status, reason, left(error, 100)) as how, count(*)::integer
     from posthorn.attempts where status is null or status not between 200 and 299
     group by 1, 2 order by 3 desc limit 10`,
  );
  return rows.map(({ number, how, count }) => `${count} × attempt ${number}: ${how}`);
}
