// Moving a tenant from one database to another: what goes along, what is committed late, and what a move that ended half-way leaves.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";

import { countRows, MOVED, NOT_MOVED, STAYING } from "../../src/database/move/tables.ts";
import { createClearing } from "../../src/delivery/clearing.ts";
import { createForwarder } from "../../src/delivery/forwarder.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { claimDue } from "../../src/queue/claim.ts";
import { makeTwoCells, type TwoCells } from "../helpers/move.ts";
import { makeWebhooks } from "../helpers/webhooks.ts";

let cells: TwoCells;
beforeAll(async () => {
  cells = await makeTwoCells();
});
afterAll(() => cells.close());

const rows = async (on: pg.Pool | pg.PoolClient, text: string, ...values: unknown[]) =>
  (await on.query(text, values)).rows;
const publish = async (on: pg.Pool | pg.PoolClient, tenant: string, key: string | null = null) =>
  (
    await rows(
      on,
      `select posthorn.publish('message.created', '{"n": 1}', tenant => $1, idempotency_key => $2) as id`,
      tenant,
      key,
    )
  )[0].id as string;
const claim = async (pool: pg.Pool) =>
  (
    await claimDue(pool, {
      limit: 100,
      slots: {},
      otherSlots: { proven: 10, unproven: 10 },
      unprovenMax: 100,
      afterWebhook: 0,
    })
  ).deliveries;
const eventsOf = async (pool: pg.Pool, tenant: string) =>
  (
    await rows(
      pool,
      "select posthorn.public_id('evt', id) as id from posthorn.events where tenant = $1 order by posthorn.events.id",
      tenant,
    )
  ).map(({ id }) => id as string);
const deliveriesOf = (pool: pg.Pool, tenant: string) =>
  rows(
    pool,
    "select posthorn.public_id('evt', event_id) as event, webhook_id from posthorn.deliveries where tenant = $1 order by id",
    tenant,
  );

/** Does what the workers of home do: sends on what came late, and forwards. */
async function sendOn(): Promise<void> {
  const between = {
    from: cells.home,
    to: (cell: string) => (cell === "us" ? cells.us : undefined),
    retentionD: 30,
    clock: () => 0,
    log: silentLog,
  };
  while (await createClearing(between)());
  while ((await createForwarder(between)()).isMore);
}

test("every table is moved, or named with the reason why not", async () => {
  const there = await rows(
    cells.home,
    `select relname::text as name from pg_class as c where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p')
       and not exists (select from pg_inherits where inhrelid = c.oid) order by 1`,
  );
  const known = [...MOVED.map(({ name }) => name), ...Object.keys(NOT_MOVED)];
  expect(known.toSorted()).toEqual(there.map(({ name }) => name));
  for (const reason of Object.values(NOT_MOVED)) expect(reason).not.toBe("");
});

const FILLED: Record<string, Record<string, string>> = {
  webhooks: { status: "'Subscribed'", preset: "'airy'" },
  keys: { scope: "'read'" },
  finished_deliveries: { status: "'dead'", reason: "'status'" },
  replays: { status: "'done'", cause: "'replay'", wanted: "'dead'" },
};

/** Makes a row of a tenant in every table that moves. */
async function fill(pool: pg.Pool, tenant: string, webhook: number): Promise<void> {
  const [{ id }] = await rows(pool, "select posthorn.uuid_v7(now(), 0) as id");
  const values: Record<string, string> = {
    text: `'${tenant}'`,
    uuid: `'${id}'`,
    bigint: String(webhook),
    "timestamp with time zone": "date_trunc('minute', now())",
    bytea: `'${tenant}'`,
    json: "'{}'",
    jsonb: "'{}'",
    boolean: "true",
    "bigint[]": `'{${webhook}}'`,
  };
  for (const { name } of MOVED) {
    const columns = await rows(
      pool,
      `select attname::text as name, format_type(atttypid, null) as type from pg_attribute
       where attrelid = to_regclass($1) and attnum > 0 and not attisdropped and attnotnull and (not atthasdef or attname = 'webhook_id')`,
      `posthorn.${name}`,
    );
    const given = {
      ...Object.fromEntries(
        columns.map(({ name: column, type }) => [
          column,
          values[type as string] ?? (String(type).endsWith("[]") ? "'{}'" : "1"),
        ]),
      ),
      ...(name === "keys" && { tenant: `'${tenant}'`, hash: `'${tenant}'` }),
      ...FILLED[name],
    };
    await pool.query(
      `insert into posthorn.${name} (${Object.keys(given).join(", ")}) values (${Object.values(given).join(", ")})`,
    );
  }
}

const allOf = async (pool: pg.Pool, tenant: string) => {
  const found: Record<string, unknown[]> = {};
  for (const { name, of } of MOVED)
    found[name] = (
      await rows(
        pool,
        `select to_json(t) as row from posthorn.${name} as t where ${of(`'${tenant}'`)}`,
      )
    ).map(({ row }) => row as unknown);
  return found;
};

test("a tenant's rows of every table arrive as they were, into a cell that has 1,000 webhooks, and go where they were; nobody else's do", async () => {
  await makeWebhooks(cells.us, "neighbour", 1_000);
  await fill(cells.home, "whole", 4_711);
  await fill(cells.home, "stays", 4_712);
  const [before, others] = [await allOf(cells.home, "whole"), await allOf(cells.home, "stays")];
  for (const [name, found] of Object.entries(before))
    expect([name, found.length]).toEqual([name, 1]);
  const { from, rows: moved } = await cells.move("whole", "us");
  expect([from, moved]).toEqual(["home", MOVED.length]);
  await cells.clear("whole", "home", "us");
  expect(await allOf(cells.us, "whole")).toEqual(before);
  expect(await allOf(cells.home, "stays")).toEqual(others);
  const client = await cells.home.connect();
  expect((await countRows(client, "whole")).map(({ name }) => name)).toEqual(STAYING);
  client.release();
  expect(
    await rows(cells.us, "select from posthorn.webhooks where tenant = 'neighbour'"),
  ).toHaveLength(1_000);

  await cells.move("whole", "home"); // and back, over what has stayed
  await cells.clear("whole", "us", "home");
  expect(await allOf(cells.home, "whole")).toEqual(before);
});

test("what is published, by transactions that began before the move and commit after it, is sent from the new cell once, under its id", async () => {
  const tenant = "late";
  const [webhook] = await makeWebhooks(cells.home, tenant, 1);
  const early = await publish(cells.home, tenant);
  const [open, old] = [await cells.home.connect(), await cells.home.connect()];
  await open.query("begin");
  const uncommitted = await publish(open, tenant, "a key");
  await old.query("begin isolation level repeatable read");
  await old.query("select from posthorn.webhooks");
  await cells.move(tenant, "us");
  await cells.clear(tenant, "home", "us");
  const byOldSnapshot = await publish(old, tenant);
  const after = await publish(cells.home, tenant);
  await sendOn();
  expect(await eventsOf(cells.us, tenant)).toEqual([early, after]);
  await Promise.all([open, old].map((client) => client.query("commit")));
  [open, old].forEach((client) => client.release());
  expect(await claim(cells.home)).toEqual([]);
  // A minute later.
  await rows(
    cells.home,
    "update posthorn.placements set left_at = left_at - interval '1 minute' where tenant = $1",
    tenant,
  );
  await sendOn();
  await sendOn();
  const all = [early, uncommitted, byOldSnapshot, after].toSorted();
  expect((await eventsOf(cells.us, tenant)).toSorted()).toEqual(all);
  const deliveries = await deliveriesOf(cells.us, tenant);
  expect(deliveries.map(({ event }) => event).toSorted()).toEqual(all);
  expect(new Set(deliveries.map(({ webhook_id }) => Number(webhook_id)))).toEqual(
    new Set([webhook]),
  );
  expect(await eventsOf(cells.home, tenant)).toEqual([]);
  expect(await deliveriesOf(cells.home, tenant)).toEqual([]);
  expect(await publish(cells.us, tenant, "a key")).toBe(uncommitted);
});

test("while a delivery is under lease nothing is copied, and what it comes to goes along", async () => {
  const tenant = "leased";
  await makeWebhooks(cells.home, tenant, 1);
  await publish(cells.home, tenant);
  const [claimed] = (await claim(cells.home)).filter((each) => each.tenant === tenant);
  const told: string[] = [];
  let looks = 0;
  await cells.move(tenant, "us", {
    tell: (line) => told.push(line),
    wait: async () => {
      if (++looks < 3) return;
      expect(await deliveriesOf(cells.us, tenant)).toEqual([]);
      await publish(cells.home, tenant); // which is claimed there no more
      expect((await claim(cells.home)).filter((each) => each.tenant === tenant)).toEqual([]);
      await rows(
        cells.home,
        "update posthorn.deliveries set locked_until = null, state = 1, due_at = 'infinity', attempts_made = 1 where id = $1",
        claimed?.id,
      );
    },
  });
  expect(told).toContainEqual(
    expect.stringMatching(/^waiting for 1 requests under way: \d+ s at most$/),
  );
  expect(
    await rows(
      cells.us,
      "select attempts_made from posthorn.deliveries where tenant = $1 order by id",
      tenant,
    ),
  ).toEqual([{ attempts_made: 1 }, { attempts_made: 0 }]);
});

test("a move that fails before its switch is undone: the tenant is sent from where it was, and nothing of it is elsewhere", async () => {
  const tenant = "kept";
  await makeWebhooks(cells.home, tenant, 1);
  await publish(cells.home, tenant);
  const ended = new AbortController();
  const failing = cells.move(tenant, "us", {
    copied: (table) => table === "event_payloads" && ended.abort(new Error("interrupted")),
    signal: ended.signal,
  });
  await expect(failing).rejects.toThrow(
    "the move was given up, and kept goes on in home: interrupted",
  );
  expect(await eventsOf(cells.us, tenant)).toEqual([]);
  await publish(cells.home, tenant);
  expect((await claim(cells.home)).filter((each) => each.tenant === tenant)).toHaveLength(2);
});
