// What an operator does to all tables of a database: a publication, a subscriber, row level security, a rewrite in place.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { silentLog } from "../../src/kernel/log.ts";
import { prepareDatabase } from "../../src/database/prepare.ts";
import { writeCatalogue } from "../../src/event-types/catalogue/write.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { databaseUrl } from "../helpers/database-url.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startPostgres, type Postgres } from "../helpers/postgres.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let postgres: Postgres;
let publisher: pg.Client;
let subscriber: pg.Client;
let tables: string[];
let inbox: Inbox;
let service: TestService;
let post: Call;

beforeAll(async () => {
  postgres = await startPostgres({
    settings: { wal_level: "logical", max_logical_replication_workers: 4 },
  });
  const url = databaseUrl(postgres.url, "publisher");
  await run("create database publisher");
  await prepareDatabase(url, { log: silentLog, seed: writeCatalogue, daysAhead: 1 });
  await run("create database subscriber template publisher"); // so that both begin with the same
  [publisher, subscriber] = [await open("publisher"), await open("subscriber")];
  tables = (
    await publisher.query<{ name: string }>(
      `select format('posthorn.%I', relname) as name from pg_class
       where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p')`,
    )
  ).rows.map(({ name }) => name);
  await publisher.query("create publication everything for all tables");
  // Made by hand: on one server a subscription that makes its slot waits for itself.
  await publisher.query("select pg_create_logical_replication_slot('everything', 'pgoutput')");
  await subscriber.query(
    `create subscription everything connection '${conninfo("publisher")}' publication everything
     with (create_slot = false, slot_name = 'everything', copy_data = false)`,
  );
  for (const name of tables) await publisher.query(`alter table ${name} enable row level security`);
  inbox = await startInbox(({ path }) => ({ status: path.endsWith("/broken") ? 500 : 200 }));
  service = await startTestService({ DATABASE_URL: url });
  post = caller(service);
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
  await subscriber.query("alter subscription everything disable");
  for (const client of [publisher, subscriber]) await client.end();
  await postgres.remove();
});

const conninfo = (database: string) => {
  const { host, port, user } = new pg.Client({ connectionString: postgres.url });
  return `host=${host} port=${port} user=${user} dbname=${database}`;
};

async function open(database: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl(postgres.url, database) });
  await client.connect();
  return client;
}

async function run(statement: string): Promise<void> {
  const client = await open("postgres");
  await client.query(statement);
  await client.end();
}

const ok = async (operation: string, body: object) =>
  (await post(operation, body).expect(200)).body;

async function countsOf(client: pg.Client): Promise<Record<string, number>> {
  const { rows } = await client.query<{ counts: Record<string, number> }>(
    `select json_build_object(${tables.map((name) => `'${name}', (select count(*) from ${name})`).join(", ")}) as counts`,
  );
  return rows[0]?.counts ?? {};
}

test("every table, its days too, has a key that publications, subscribers and pg_repack tell its rows apart by", async () => {
  const { rows } = await publisher.query(
    `select c.oid::regclass::text as name from pg_class as c
     where c.relnamespace = 'posthorn'::regnamespace and c.relkind in ('r', 'p') and (c.relreplident <> 'd' or not exists (
       select from pg_index as i where i.indrelid = c.oid and i.indisprimary and i.indisvalid and i.indimmediate
     ))`,
  );
  expect(rows).toEqual([]);
});

test("a publication for all tables, a subscriber and row level security change nothing, and the subscriber has it all", async () => {
  const [good, broken, gone] = await Promise.all(
    ["/good", "/broken", "/gone"].map((path) =>
      ok("webhooks.subscribe", { url: inbox.url + path, retry_schedule_s: [] }),
    ),
  );
  const { id: event } = await ok("events.publish", { type: "message.created", payload: 1 });
  const finished = (id: string) => () => ok("deliveries.list", { webhook_id: id });
  const isFinished = ({ data }: { data: { status: string }[] }) =>
    data.length > 0 && data.every(({ status }) => status !== "pending");
  for (const { id } of [good, broken, gone]) await until(finished(id), isFinished);

  await ok("webhooks.update", { id: good.id, paused: true });
  await ok("webhooks.delete", { id: gone.id });
  await ok("events.publish", { type: "message.created", payload: 2, idempotency_key: "once" });
  await ok("webhooks.unsubscribe", { id: good.id });
  await ok("events.erase", { id: event });
  await until(finished(good.id), isFinished);

  await until(
    () => ok("webhooks.info", { id: broken.id }),
    ({ health, counters }) => health === "failing" && counters.dead === 2,
  );
  await until(
    () => countsOf(publisher),
    (counts) => counts["posthorn.counter_deltas"] === 0,
  );
  await until(
    async () => [await countsOf(publisher), await countsOf(subscriber)],
    ([from, to]) => JSON.stringify(from) === JSON.stringify(to),
  );
});

test("a role that row level security would show empty tables can't start a service, and is told what to do", async () => {
  await publisher.query(`create role granted login;
    grant usage on schema posthorn to granted; grant all on all tables in schema posthorn to granted;
    grant execute on all functions in schema posthorn to granted`);
  const url = new URL(databaseUrl(postgres.url, "publisher"));
  url.searchParams.set("user", "granted");
  const prepared = prepareDatabase(url.href, { log: silentLog, seed: writeCatalogue });
  await expect(prepared).rejects.toThrow(/row level security .* "alter role granted bypassrls"/);
});
