// What an admin asks of all tenants, where they live in several databases.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { query } from "../helpers/embedded.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TENANTS = ["acme", "initech", "globex", "umbrella"]; // every second one lives in the other cell
const SILENCE_MS = 20_000; // the least after which a statement that is not answered is given up

const HOURS = { bucket_s: 3_600 };

type Item = { id: string; tenant?: string; name: string };

let homeDatabase: TestDatabase;
let usDatabase: TestDatabase;
let us: DatabaseProxy;
let service: TestService;
const made: Record<string, { webhook: string; event: string; key: string }> = {};

const as = (tenant: string): Call => caller(service, { "X-Tenant": tenant });
const all: Call = (operation, body) => as("*")(operation, body);
const ask = async (operation: string, body?: object, tenant = "*") =>
  (await as(tenant)(operation, body).expect(200)).body;
const idsOf = (data: Item[]) => data.map(({ id }) => id);
const of = (tenant: string) => made[tenant] as { webhook: string; event: string; key: string };
const each = (kind: "webhook" | "event" | "key", tenants = TENANTS) =>
  tenants.map((tenant) => of(tenant)[kind]);

beforeAll(async () => {
  homeDatabase = await createTestDatabase();
  usDatabase = await createTestDatabase();
  us = await startDatabaseProxy(usDatabase.url);
  await query(
    homeDatabase.url,
    "insert into posthorn.placements (tenant, cell) values ('initech', 'us'), ('umbrella', 'us')",
  );
  service = await startTestService(
    { DATABASE_URL: homeDatabase.url, POSTHORN_CELLS: `us=${us.url}` },
    { role: "api" },
  );
  for (const tenant of TENANTS) {
    const url = `http://127.0.0.1:9/${tenant}`;
    const webhook = await ask("webhooks.subscribe", { url, name: `of ${tenant}` }, tenant);
    const happened = { type: "message.created", payload: { tenant }, channel: "+1555" };
    const event = await ask("events.publish", happened, tenant);
    const key = await ask("keys.create", { name: "k", scope: "read", tenant }, "acme");
    made[tenant] = { webhook: webhook.id, event: event.id, key: key.id };
  }
});
afterAll(async () => {
  await service.stop();
  await us.close();
  await Promise.all([homeDatabase.drop(), usDatabase.drop()]);
});

/** All pages of a list, read one item at a time. */
async function pageByPage(operation: string, filter: object, tenant = "*"): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await ask(
      operation,
      { ...filter, page_size: 1, ...(cursor && { cursor }) },
      tenant,
    );
    expect(page.data.length).toBeLessThanOrEqual(1);
    items.push(...page.data);
    cursor = page.pagination_data.next_cursor ?? undefined;
    if (cursor === undefined) return items;
  }
}

test.each([
  ["webhooks.list", "webhook", {}],
  ["events.list", "event", {}],
  ["events.list", "event", { type: "message.*" }],
] as const)(
  "%s is one list of all cells, newest first: each %s once, by %j",
  async (name, kind, filter) => {
    const { data, away } = await ask(name, filter);
    expect(idsOf(data)).toEqual(each(kind, TENANTS.toReversed()));
    expect(data.map(({ tenant }: Item) => tenant)).toEqual(TENANTS.toReversed());
    expect(away).toBeUndefined();
    expect(await pageByPage(name, filter)).toEqual(data);
  },
);

test("deliveries.list is one list of all cells, from either end", async () => {
  const tenants = (items: Item[]) => items.map(({ tenant }) => tenant);
  for (const filter of [{}, { channel: "+1555" }]) {
    expect(tenants(await pageByPage("deliveries.list", filter))).toEqual(TENANTS.toReversed());
    const oldest_first = true;
    expect(tenants(await pageByPage("deliveries.list", { ...filter, oldest_first }))).toEqual(
      TENANTS,
    );
  }
});

test("those in trouble come first, wherever they live", async () => {
  await ask("webhooks.update", { id: of("initech").webhook, paused: true }, "initech");
  const found = await pageByPage("webhooks.list", { sort: "trouble" });
  expect(found.map(({ tenant }) => tenant)).toEqual(["initech", "umbrella", "globex", "acme"]);
});

test("tenants and keys are listed over all cells, whichever tenant the admin acts for", async () => {
  for (const tenant of ["default", "initech"]) {
    const { data } = await ask("tenants.list", {}, tenant);
    const names = ["acme", "default", "globex", "initech", "umbrella"];
    expect(data.map(({ name }: Item) => name)).toEqual(names);
    expect(await pageByPage("tenants.list", {}, tenant)).toEqual(data);
    const keys = await pageByPage("keys.list", { scope: "read" }, tenant);
    expect(idsOf(keys)).toEqual(each("key", TENANTS.toReversed()));
  }
});

test("a key is ended in whichever cell it lives", async () => {
  const { id } = await ask(
    "keys.create",
    { name: "k", scope: "manage", tenant: "umbrella" },
    "acme",
  );
  expect(await ask("keys.revoke", { id }, "acme")).toMatchObject({ id, tenant: "umbrella" });
  await as("acme")("keys.revoke", { id: `key_${"0".repeat(32)}` }).expect(404);
});

test("find looks in all cells: an id is found where it is, a name wherever it is, what all have once", async () => {
  const found = async (q: string) => (await ask("find", { q })).data;
  for (const tenant of TENANTS)
    expect(await found(of(tenant).event)).toMatchObject([{ kind: "event", tenant }]);
  const named: Item[] = await found("of ");
  expect(named.map(({ tenant }) => tenant).sort()).toEqual(TENANTS.toSorted());
  expect(await found("+1555")).toMatchObject([{ kind: "channel", id: "+1555" }]);
  expect(await found("message.created")).toMatchObject([
    { kind: "event_type", id: "message.created" },
  ]);
});

test("the deliveries of one webhook are asked of the cell that has it", async () => {
  for (const tenant of TENANTS) {
    const { data } = await ask("deliveries.list", { webhook_id: of(tenant).webhook });
    expect(data.map((item: Item) => item.tenant)).toEqual([tenant]);
  }
  await all("deliveries.list", { webhook_id: "5f0c1a50-3f4f-4a8e-9d27-1c9ad3a2a0b1" }).expect(404);
});

describe("statistics", () => {
  // As the fold writes them: of each webhook, and of all tenants; of home's the attempts took 20 ms, of the other's a second.
  beforeAll(async () => {
    for (const [{ url }, slot, attempts] of [
      [homeDatabase, 8, 3],
      [usDatabase, 20, 1],
    ] as const)
      await query(
        url,
        `insert into posthorn.stats_hours (tenant, webhook_id, at, attempts, delivered, dead, retried, latencies)
         select tenant, webhook_id, date_trunc('hour', now()), ${attempts}, ${attempts}, 0, 0, array[${attempts * 64 + slot}]
         from (select tenant, webhook_id from posthorn.webhooks union all select '*', 0) as each`,
      );
  });

  test("an overview is the sum of all cells, and its percentiles are those of all attempts", async () => {
    const { totals, buckets, away } = await ask("stats.overview", HOURS);
    expect(totals).toMatchObject({ attempts: 4, delivered: 4, retried: 0, dead: 0 });
    const { p50_ms, p99_ms, counts } = totals.attempt_latency;
    expect([p50_ms, p99_ms].map((ms) => Math.round(ms))).toEqual([19, 1218]);
    expect([counts[8], counts[20]]).toEqual([3, 1]);
    expect(buckets).toMatchObject([{ attempts: 4 }]);
    expect(away).toBeUndefined();
  });

  test("webhooks are found in whichever cell they are, in the order in which they are asked for", async () => {
    const ids = each("webhook", ["umbrella", "acme", "initech"]);
    const { data } = await ask("stats.webhooks", { ids, ...HOURS });
    expect(data.map((item: Item) => [item.id, item.tenant])).toEqual([
      [ids[0], "umbrella"],
      [ids[1], "acme"],
      [ids[2], "initech"],
    ]);
    expect(await ask("stats.webhook", { id: ids[2], ...HOURS })).toMatchObject({
      tenant: "initech",
      totals: { attempts: 1 },
    });
    await all("stats.webhook", { id: "5f0c1a50-3f4f-4a8e-9d27-1c9ad3a2a0b1" }).expect(404);
  });
});

test("an admin's session tells of its tenant's cell, and of no other whether sending is held", async () => {
  await query(
    usDatabase.url,
    "insert into posthorn.settings (name, value) values ('paused_since', extract(epoch from now())::text)",
  );
  expect(await ask("session.info", {}, "acme")).toMatchObject({ sending_held: null, cell: "home" });
  const there = await ask("session.info", {}, "initech");
  expect(there).toMatchObject({ tenant: "initech", sending_held: "paused", cell: "us" });
  expect(there.away).toBeUndefined();
  await query(usDatabase.url, "delete from posthorn.settings where name = 'paused_since'");
});

test("what is asked wrongly is refused once, not by cell", async () => {
  const { body } = await all("events.list", { cursor: "nonsense" }).expect(400);
  expect(body.code).toBe("invalid_cursor");
});

describe("while a cell is away", () => {
  const HOME = ["globex", "acme"];
  let cursor: string;

  beforeAll(async () => {
    ({ next_cursor: cursor } = (await ask("events.list", { page_size: 1 })).pagination_data);
    us.refuse(/./s);
    await until(
      async () => (await as("initech")("webhooks.list")).status,
      (status) => status === 503,
    );
  });
  afterAll(async () => {
    us.refuse(null);
    await until(
      async () => (await as("initech")("webhooks.list")).status,
      (status) => status === 200,
    );
  });

  test.each(["webhooks.list", "events.list", "deliveries.list"])(
    "%s answers for the others, and names it",
    async (name) => {
      const { data, away } = await ask(name);
      expect(data.map(({ tenant }: Item) => tenant)).toEqual(HOME);
      expect(away).toEqual(["us"]);
    },
  );

  test("tenants.list and keys.list do so too, whichever tenant the admin acts for, and find", async () => {
    for (const tenant of ["default", "initech"]) {
      const tenants = await ask("tenants.list", {}, tenant);
      expect(tenants.data.map(({ name }: Item) => name)).toEqual(["acme", "default", "globex"]);
      expect(tenants.away).toEqual(["us"]);
      const keys = await ask("keys.list", { scope: "read" }, tenant);
      expect([idsOf(keys.data), keys.away]).toEqual([each("key", HOME), ["us"]]);
    }
    expect(await ask("find", { q: of("initech").event })).toEqual({ data: [], away: ["us"] });
  });

  test("what is found in no other cell is 503, since it may be there; what is found is answered", async () => {
    const there = { webhook_id: of("initech").webhook };
    const { body } = await all("deliveries.list", there).expect(503);
    expect(body.message).toMatch(/away \(us\)/);
    const here = await ask("deliveries.list", { webhook_id: of("acme").webhook });
    expect(here.data).toHaveLength(1);
    await as("acme")("keys.revoke", { id: of("umbrella").key }).expect(503);
    const own = await ask("keys.create", { name: "k", scope: "manage", tenant: "acme" }, "acme");
    expect(await ask("keys.revoke", { id: own.id }, "initech")).toMatchObject({ tenant: "acme" });
  });

  test("statistics are those of the others, and name it; a webhook that is in none of them may be there", async () => {
    const { totals, away } = await ask("stats.overview", HOURS);
    expect([totals.attempts, away]).toEqual([3, ["us"]]);
    const ids = each("webhook", ["initech", "acme"]);
    const some = await ask("stats.webhooks", { ids, ...HOURS });
    expect([idsOf(some.data), some.away]).toEqual([[of("acme").webhook], ["us"]]);
    await all("stats.webhook", { id: of("initech").webhook }).expect(503);
  });

  test("an admin signs in all the same, also for one of its tenants, and learns that it is away", async () => {
    const { body: key } = await as("acme")("keys.create", { name: "on call", scope: "admin" });
    for (const [tenant, cell] of [
      ["acme", "home"],
      ["initech", "us"],
    ] as const) {
      const call = caller({ ...service, adminKey: key.key }, { "X-Tenant": tenant });
      const { body } = await call("session.info").expect(200);
      expect(body).toMatchObject({
        scope: "admin",
        tenant,
        key: { id: key.id, name: "on call" },
        sending_held: null,
        cell,
        away: ["us"],
      });
    }
  });

  test("its tenants alone are refused", async () => {
    await as("initech")("stats.overview").expect(503);
    await as("acme")("stats.overview").expect(200);
  });

  test("pages go on where they were, without it, and with it when it is back", async () => {
    const without = await ask("events.list", { page_size: 1, cursor });
    expect(idsOf(without.data)).toEqual([of("globex").event]);
    us.refuse(null);
    const rest = { page_size: 2, cursor: without.pagination_data.next_cursor };
    const back = await until(
      () => ask("events.list", rest),
      ({ away }) => away === undefined,
    );
    expect(idsOf(back.data)).toEqual(each("event", ["initech", "acme"]));
  });
});

test("a cell that takes what is asked and says nothing is not waited for", async () => {
  us.goSilent();
  const began = performance.now();
  const { data, away } = await ask("events.list");
  expect(performance.now() - began).toBeLessThan(SILENCE_MS * 0.75);
  expect([idsOf(data), away]).toEqual([each("event", ["globex", "acme"]), ["us"]]);
  us.cut();
  await until(
    () => ask("events.list"),
    ({ away }) => away === undefined,
  );
  us.goSilent();
  expect(await ask("session.info", {}, "initech")).toMatchObject({ cell: "us", away: ["us"] });
  us.cut();
});
