// posthorn.publish(…): the door for SQL.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";

let database: TestDatabase;
let owner: pg.Client;
const clients: pg.Client[] = [];

async function open(url = database.url): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  clients.push(client);
  return client;
}

beforeAll(async () => {
  database = await createTestDatabase();
  owner = await open();
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end().catch(() => {})));
  await database.drop();
});

const one = async (client: pg.Client, text: string, values: unknown[] = []) =>
  (await client.query(text, values)).rows[0];
const events = async () => Number((await one(owner, "select count(*) from posthorn.events")).count);
const refused = (promise: Promise<unknown>) =>
  promise.then(
    () => "taken",
    (error: pg.DatabaseError) => error.code,
  );

test("of a publish that is tried again after another event has got its idempotency key no payload stays", async () => {
  const store = (own: string) =>
    one(
      owner,
      `select e.* from posthorn.store_events('default', '{message.created}', '{1}', array[null]::text[], array[null]::timestamptz[],
         '{mine}', true, own_ids => array[$1::uuid], own_times => array[now()], again => true) as e`,
      [own],
    );
  const id = async () => (await one(owner, "select posthorn.uuid_v7(now(), 0) as id")).id;
  const [first, second] = [await id(), await id()];
  expect(await store(first)).toMatchObject({ event_id: first, duplicate: false });
  expect(await store(second)).toMatchObject({ event_id: first, duplicate: true });
  const kept = await owner.query("select id from posthorn.event_payloads where id = any ($1)", [
    [first, second],
  ]);
  expect(kept.rows).toEqual([{ id: first }]);
});

describe("an event published in a transaction", () => {
  test("is there if the transaction commits, with its deliveries, and not if it rolls back", async () => {
    const before = await events();
    await owner.query("begin");
    await owner.query(`select posthorn.publish('message.created', '{"id": 1}')`);
    await owner.query("rollback");
    expect(await events()).toBe(before);
    await owner.query("begin");
    const { publish: id } = await one(
      owner,
      `select posthorn.publish('message.created', '{"id": 1}')`,
    );
    await owner.query("commit");
    expect(id).toMatch(/^evt_[0-9a-f]{12}7[0-9a-f]{19}$/);
    expect(await events()).toBe(before + 1);
  });

  test("is gone with a savepoint that is rolled back to", async () => {
    const before = await events();
    await owner.query("begin; savepoint s");
    await owner.query(`select posthorn.publish('message.created', '1')`);
    await owner.query("rollback to s; commit");
    expect(await events()).toBe(before);
  });
});

describe("the payload", () => {
  test.each([
    [`'{"b": 1,  "a": 2, "b": 3}'`, '{"b": 1,  "a": 2, "b": 3}'],
    [`'{"b": 1,  "a": 2}'::text`, '{"b": 1,  "a": 2}'],
    [`'{"b": 1,  "a": 2}'::json`, '{"b": 1,  "a": 2}'],
    [`'{"b": 1,  "a": 2}'::jsonb`, '{"a": 2, "b": 1}'],
    [`'"\\u0000 \\ud800"'`, '"\\u0000 \\ud800"'],
    ["'1e400'", "1e400"],
    [`to_jsonb(9007199254740993)`, "9007199254740993"],
  ])("%s is kept as the text %s", async (literal, text) => {
    const { publish: id } = await one(
      owner,
      `select posthorn.publish('message.created', ${literal})`,
    );
    expect(await one(owner, "select payload from posthorn.v_events where id = $1", [id])).toEqual({
      payload: text,
    });
  });

  test("comes as a parameter of any of the types too", async () => {
    for (const type of ["text", "json", "jsonb"])
      expect(
        await one(owner, `select posthorn.publish('message.created', $1::${type}) as id`, [
          '{"a":1}',
        ]),
      ).toEqual({ id: expect.any(String) });
  });
});

describe("bad input raises and stores nothing", () => {
  test.each([
    ["'message.created', '{'", "PH400"],
    ["'message.created', ''", "PH400"],
    ["'message.created', null::text", "PH400"],
    ["null, '1'", "PH400"],
    ["'not a type', '1'", "PH400"],
    ["'webhook.failing', '1'", "PH400"],
    ["'message.created', to_json(repeat('x', 262143))", "PH400"],
    ["'message.created', repeat('[', 501) || repeat(']', 501)", "PH400"],
    ["'message.created', repeat('[', 60000) || repeat(']', 60000)", "PH400"],
    ["'message.created', '1', channel => ''", "PH400"],
    ["'message.created', '1', channel => repeat('x', 256)", "PH400"],
    ["'message.created', '1', tenant => 'Not A Tenant'", "PH400"],
    ["'message.created', '1', tenant => '*'", "PH400"],
    ["'message.created', '1', tenant => null", "PH400"],
    [`'message.created', '1', "timestamp" => 'infinity'`, "PH400"],
    ["'message.created', '1', idempotency_key => ''", "PH400"],
    ["'no.such.type', '1'", "PH404"],
  ])("publish(%s) raises %s", async (args, code) => {
    const before = await events();
    expect(await refused(owner.query(`select posthorn.publish(${args})`))).toBe(code);
    expect(await events()).toBe(before);
  });

  test("payloads of 256 KiB and of 500 levels are taken, brackets in strings are not levels", async () => {
    for (const payload of [
      "to_json(repeat('x', 262142))",
      "repeat('[', 500) || repeat(']', 500)",
      `to_json(repeat('[{"\\', 9000))`,
    ])
      expect(
        await refused(owner.query(`select posthorn.publish('message.created', ${payload})`)),
      ).toBe("taken");
  });

  test("an idempotency key answers its event, and raises PH409 with another", async () => {
    const publish = (payload: string) =>
      one(
        owner,
        `select posthorn.publish('message.created', $1::text, idempotency_key => 'order-1') as id`,
        [payload],
      );
    const first = await publish("1");
    expect(await publish("1")).toEqual(first);
    expect(await refused(publish("2"))).toBe("PH409");
  });

  test("a key is remembered for POSTHORN_IDEMPOTENCY_H, and no longer", async () => {
    const publish = () =>
      one(owner, `select posthorn.publish('message.created', '1', idempotency_key => 'old') as id`);
    const first = await publish();
    await owner.query(
      "update posthorn.idempotency_keys set created_at = now() - interval '73 hours' where key = 'old'",
    );
    expect(await publish()).not.toEqual(first);
  });

  test("two transactions with one key: the second waits, and answers the first's event or its own", async () => {
    const [a, b] = [await open(), await open()];
    const text = `select posthorn.publish('message.created', '1', idempotency_key => $1) as id`;
    for (const end of ["commit", "rollback"]) {
      await a.query("begin");
      const first = await one(a, text, [end]);
      const second = one(b, text, [end]);
      await a.query(end);
      if (end === "commit") expect(await second).toEqual(first);
      else expect(await second).not.toEqual(first);
    }
  });
});

describe("rights", () => {
  test("a role publishes for the tenant it was allowed, and can do nothing else", async () => {
    await owner.query(
      `drop role if exists shop; create role shop login; select posthorn.allow_publish('shop', 'shop-1')`,
    );
    const shop = await open(database.url.replace("user=posthorn", "user=shop"));
    expect((await one(shop, "select session_user as name")).name).toBe("shop");
    expect(
      await refused(
        shop.query(`select posthorn.publish('message.created', '1', tenant => 'shop-1')`),
      ),
    ).toBe("taken");
    expect(
      await refused(
        shop.query(`select posthorn.publish('message.created', '1'::jsonb, tenant => 'shop-1')`),
      ),
    ).toBe("taken");
    for (const statement of [
      `select posthorn.publish('message.created', '1')`,
      `select posthorn.publish('message.created', '1', tenant => 'shop-2')`,
      "select * from posthorn.events",
      "select * from posthorn.v_events",
      "select * from posthorn.webhooks",
      "insert into posthorn.publishers values ('shop', 'default')",
      "select posthorn.allow_publish('shop')",
      `select posthorn.store_events('default', '{message.created}', '{1}', '{null}', '{null}', '{null}', true)`,
      "select posthorn.check_publisher('default')",
    ])
      expect([statement, await refused(shop.query(statement))]).toEqual([statement, "42501"]);
  });

  test("the role judged is that of SET ROLE where one is in force", async () => {
    await owner.query(
      `drop role if exists nobody_special; create role nobody_special; grant usage on schema posthorn to nobody_special`,
    );
    await owner.query("grant execute on all functions in schema posthorn to nobody_special");
    const client = await open();
    await client.query("set role nobody_special");
    expect(await refused(client.query(`select posthorn.publish('message.created', '1')`))).toBe(
      "42501",
    );
    await client.query("reset role");
    expect(await refused(client.query(`select posthorn.publish('message.created', '1')`))).toBe(
      "taken",
    );
    await owner.query("drop owned by nobody_special; drop role nobody_special");
  });

  test("a member of an allowed role may publish as it", async () => {
    await owner.query(
      `drop role if exists team; create role team; drop role if exists ann; create role ann login in role team`,
    );
    await owner.query(`select posthorn.allow_publish('team', 'team')`);
    const ann = await open(database.url.replace("user=posthorn", "user=ann"));
    expect(
      await refused(ann.query(`select posthorn.publish('message.created', '1', tenant => 'team')`)),
    ).toBe("taken");
  });

  test("a role that may read a view needs USAGE and SELECT, and reads nothing else", async () => {
    await owner.query(
      "drop role if exists reader; create role reader login; grant usage on schema posthorn to reader",
    );
    await owner.query(
      "grant select on posthorn.v_events, posthorn.v_deliveries, posthorn.v_attempts, posthorn.v_webhooks to reader",
    );
    const reader = await open(database.url.replace("user=posthorn", "user=reader"));
    for (const view of ["v_events", "v_deliveries", "v_attempts", "v_webhooks"])
      expect(await refused(reader.query(`select * from posthorn.${view}`))).toBe("taken");
    expect(await refused(reader.query("select * from posthorn.webhooks"))).toBe("42501");
    expect(await refused(reader.query(`select posthorn.publish('message.created', '1')`))).toBe(
      "42501",
    );
  });
});

describe("matching", () => {
  test.each([
    ["a.b.c", ["*", "a.*", "a.b.*", "a.b.c"]],
    ["a", ["*", "a"]],
    ["webhook.failing", ["webhook.*", "webhook.failing"]],
  ])("%s is matched by %j", async (type, patterns) => {
    expect(
      (await one(owner, "select posthorn.type_patterns($1) as patterns", [type])).patterns,
    ).toEqual(patterns);
  });
});

test("ids of one session rise, also within a millisecond, and hold the time of created_at", async () => {
  const { rows } = await owner.query(
    `select posthorn.publish('message.created', '1') as id from generate_series(1, 500)`,
  );
  const ids = rows.map((row: { id: string }) => row.id);
  expect(ids).toEqual([...ids].sort());
  const { off } = await one(
    owner,
    `
    select max(abs(extract(epoch from created_at) * 1000 - ('x' || substr(id, 5, 12))::bit(48)::bigint - ('x' || substr(id, 18, 3))::bit(12)::int / 4096.0)) as off
    from posthorn.v_events where id = any ($1)`,
    [ids],
  );
  expect(Number(off)).toBeLessThan(0.001); // the id's resolution is a quarter of a microsecond
});
