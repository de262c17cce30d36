// posthorn/publish in the transactions of other people's packages, each the real one.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { drizzle } from "drizzle-orm/node-postgres";
import { sql as drizzleSql } from "drizzle-orm";
import createKnex from "knex";
import { CamelCasePlugin, Kysely, PostgresDialect, sql as kyselySql } from "kysely";
import pg from "pg";
import { DataSource } from "typeorm";

import { publish, type Executor } from "../../src/publish/index.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

type Work = (executor: Executor, insert: (id: number) => PromiseLike<unknown>) => Promise<unknown>;

/** How a transaction is done in each package, around `work`: rolled back where that throws. */
const TRANSACTIONS: Record<string, (work: Work) => Promise<unknown>> = {
  "pg's client": async (work) => {
    const client = await pool.connect();
    try {
      await client.query("begin");
      const result = await work(client, (id) => client.query(INSERT.replace("?", `${id}`)));
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback");
      throw error;
    } finally {
      client.release();
    }
  },
  Kysely: (work) =>
    kysely
      .transaction()
      .execute((trx) =>
        work(trx, (id) => kyselySql`insert into orders values (${id})`.execute(trx)),
      ),
  Drizzle: (work) =>
    drizzleDb.transaction((tx) =>
      work(tx, (id) => tx.execute(drizzleSql`insert into orders values (${id})`)),
    ),
  Knex: (work) => knex.transaction((trx) => work(trx, (id) => trx.raw(INSERT, [id]))),
  TypeORM: (work) =>
    dataSource.transaction((manager) =>
      work(manager, (id) => manager.query(INSERT.replace("?", "$1"), [id])),
    ),
};

const INSERT = "insert into orders values (?)";

let database: TestDatabase;
let pool: pg.Pool;
let kysely: Kysely<Record<string, never>>;
let drizzleDb: ReturnType<typeof drizzle>;
let knex: ReturnType<typeof createKnex>;
let dataSource: DataSource;
let orders = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  const { url } = database;
  pool = new pg.Pool({ connectionString: url, max: 2 });
  kysely = new Kysely({
    dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 1 }) }),
    plugins: [new CamelCasePlugin()],
  });
  drizzleDb = drizzle({ client: pool });
  knex = createKnex({ client: "pg", connection: url, pool: { min: 0, max: 1 } });
  dataSource = await new DataSource({ type: "postgres", url, poolSize: 1 }).initialize();
  await pool.query("create table orders (id integer primary key)");
});
afterAll(async () => {
  await Promise.all([pool.end(), kysely.destroy(), knex.destroy(), dataSource.destroy()]);
  await database.drop();
});

async function stored(): Promise<{ orders: number; events: unknown[] }> {
  const { rows } = await pool.query<{ id: number }>("select id from orders");
  const events = await pool.query<object>(
    `select e.*, p.payload from posthorn.v_events as e
     join posthorn.event_payloads as p on posthorn.public_id('evt', p.id) = e.id order by e.id`,
  );
  return { orders: rows.length, events: events.rows };
}

describe.each(Object.entries(TRANSACTIONS))("in a transaction of %s", (_, transaction) => {
  test("what is committed is an event, with all that was given", async () => {
    const before = await stored();
    const text = `it's \\ "?" $1 :name ö \u{1F4EF}`;
    const id = await transaction(async (executor, insert) => {
      await insert(++orders);
      return publish(executor, {
        type: "message.created",
        payload: { text, nested: [1, null] },
        channel: text,
        tenant: "acme",
        timestamp: new Date("2026-01-31T12:00:00.123Z"),
        idempotency_key: `order-${orders}`,
      });
    });
    const after = await stored();
    expect(after.orders).toBe(before.orders + 1);
    expect(after.events.slice(before.events.length)).toEqual([
      expect.objectContaining({
        id,
        tenant: "acme",
        type: "message.created",
        channel: text,
        timestamp: new Date("2026-01-31T12:00:00.123Z"),
        payload: JSON.stringify({ text, nested: [1, null] }),
      }),
    ]);
  });

  test("what is rolled back is nothing", async () => {
    const before = await stored();
    const failing = transaction(async (executor, insert) => {
      await insert(++orders);
      const id = await publish(executor, { type: "message.created", payload: {} });
      throw new Error(`after ${id}`);
    });
    await expect(failing).rejects.toThrow(/^after evt_[0-9a-f]{32}$/);
    expect(await stored()).toEqual(before);
  });

  test("what the database refuses takes the transaction with it, and says why", async () => {
    const before = await stored();
    const failing = transaction(async (executor, insert) => {
      await insert(++orders);
      return publish(executor, { type: "no.such.type", payload: {} });
    });
    const error = await failing.catch((found: unknown) => found);
    expect(refusalIn(error)).toMatchObject({
      code: "PH404",
      message: expect.stringContaining("no.such.type"),
    });
    expect(await stored()).toEqual(before);
  });
});

/** The database's own error: the driver's, or the cause of the one that a package puts around it. */
function refusalIn(error: unknown): unknown {
  const { cause, driverError } = error as { cause?: unknown; driverError?: unknown };
  return driverError ?? cause ?? error;
}

test("without a transaction, a pool publishes an event by itself", async () => {
  const before = await stored();
  const id = await publish(pool, {
    type: "message.created",
    payload_text: '{"n": 9007199254740993}',
  });
  const after = await stored();
  expect(after.events.slice(before.events.length)).toEqual([
    expect.objectContaining({
      id,
      tenant: "default",
      channel: null,
      payload: '{"n": 9007199254740993}',
    }),
  ]);
});

test("the same idempotency key again answers the first event's id", async () => {
  const event = { type: "message.created", payload: 1, idempotency_key: "once" };
  expect(await publish(pool, event)).toBe(await publish(pool, event));
});
