// Two databases as two cells of one service: each tenant lives whole in one, and one that is away stops its own alone.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { loadConfig } from "../../src/config.ts";
import { createLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";
const event = (n: number) => ({ type: TYPE, payload: { n } });

let homeDatabase: TestDatabase;
let usDatabase: TestDatabase;
let us: DatabaseProxy;
let settings: Record<string, string>;
let service: TestService;
let inboxes: Record<string, Inbox>;
const logged: { msg: string; cell?: string }[] = [];

const as = (tenant: string): Call => caller(service, { "X-Tenant": tenant });
const withKey = (key: string): Call => caller({ url: service.url, adminKey: key });
const eventsIn = async (database: TestDatabase, tenant: string) =>
  Number(
    (
      await query(
        database.url,
        `select count(*) as n from posthorn.events where tenant = '${tenant}'`,
      )
    )[0]?.["n"],
  );
const newKey = async (tenant: string, scope = "publish"): Promise<string> =>
  (await as("default")("keys.create", { name: "k", scope, tenant }).expect(200)).body.key;

// A tenant that is written of before the service starts lives where its placement says.
beforeAll(async () => {
  homeDatabase = await createTestDatabase();
  usDatabase = await createTestDatabase();
  us = await startDatabaseProxy(usDatabase.url);
  await query(
    homeDatabase.url,
    "insert into posthorn.placements (tenant, cell) values ('over-there', 'us'), ('typed', 'us')",
  );
  settings = { DATABASE_URL: homeDatabase.url, POSTHORN_CELLS: `us=${us.url}` };
  const log = createLog("info", { write: (line) => void logged.push(JSON.parse(line)) });
  service = await startTestService(settings, { log });
  inboxes = { here: await startInbox(), "over-there": await startInbox() };
  for (const [tenant, { url }] of Object.entries(inboxes))
    await as(tenant)("webhooks.subscribe", { url }).expect(200);
});
afterAll(async () => {
  await service.stop();
  await us.close();
  await Promise.all(Object.values(inboxes).map((inbox) => inbox.close()));
  await Promise.all([homeDatabase.drop(), usDatabase.drop()]);
});

test("each tenant's events are stored in its own cell alone, and delivered from there", async () => {
  for (const [tenant, inbox] of Object.entries(inboxes)) {
    const publish = withKey(await newKey(tenant));
    const before = inbox.requests.length;
    for (const n of [1, 2]) await publish("events.publish", event(n)).expect(200);
    await inbox.arrived(before + 2);
    const { body } = await as(tenant)("events.list").expect(200);
    expect(body.data).toHaveLength(2);
  }
  expect([await eventsIn(homeDatabase, "here"), await eventsIn(usDatabase, "here")]).toEqual([
    2, 0,
  ]);
  expect([
    await eventsIn(homeDatabase, "over-there"),
    await eventsIn(usDatabase, "over-there"),
  ]).toEqual([0, 2]);
});

test("what SQL publishes at home for a tenant of another cell is delivered from there, once, and read there alone", async () => {
  const inbox = inboxes["over-there"] as Inbox;
  const before = inbox.requests.length;
  const [row] = await query(
    homeDatabase.url,
    `select posthorn.publish('${TYPE}', '{"n":"by SQL"}', tenant => 'over-there') as id`,
  );
  const arrived = await inbox.arrived(before + 1);
  expect(arrived.slice(before).map(({ headers }) => headers["webhook-id"])).toEqual([row?.["id"]]);
  const { body } = await as("over-there")("events.info", { id: row?.["id"] }).expect(200);
  expect(body.payload).toEqual({ n: "by SQL" });
  expect(await eventsIn(homeDatabase, "over-there")).toBe(0);
});

test("a type that its tenant's cell alone knows is published by SQL elsewhere within seconds, and an enforced schema judges as there", async () => {
  const url = inboxes["over-there"]?.url;
  await as("typed")("webhooks.subscribe", { url }).expect(200);
  const schema = { type: "object", required: ["fits"] };
  await as("typed")("event_types.create", { name: "order.made", schema }).expect(200);
  await as("typed")("event_types.create", { name: "all.made", tenant: "*" }).expect(200);
  const isCopied = (database: TestDatabase, tenant: string, name: string) =>
    until(
      () =>
        query(
          database.url,
          `select from posthorn.event_types where tenant = '${tenant}' and name = '${name}'`,
        ),
      (found) => found.length === 1,
    );
  await isCopied(homeDatabase, "typed", "order.made");
  await isCopied(usDatabase, "*", "all.made");
  const published = await query(
    homeDatabase.url,
    `select posthorn.publish('order.made', payload, tenant => 'typed') as id
     from unnest(array['{"lacks":1}', '{"fits":1}']) as payload`,
  );
  const [lacking, fitting] = await Promise.all(
    published.map(({ id }) =>
      until(
        async () =>
          (await as("typed")("deliveries.list", { event_id: id }).expect(200)).body.data[0],
        (delivery) => delivery !== undefined && delivery.status !== "pending",
      ),
    ),
  );
  expect(lacking).toMatchObject({ status: "dead", reason: "schema" });
  expect(fitting).toMatchObject({ status: "delivered" });
  await as("typed")("events.publish", { type: "all.made", payload: 1 }).expect(200);
  for (const name of ["all.made", "order.made"]) {
    const { body } = await as("typed")("event_types.history", { name }).expect(200);
    expect(body.data).toMatchObject([{ version: 1, by: { name: "POSTHORN_ADMIN_KEY" } }]);
  }
});

test("what keeps types from being copied is told once, and they are copied when it is over", async () => {
  const type = { name: "late.type" };
  await query(
    homeDatabase.url,
    "alter table posthorn.event_types add constraint none check (name <> 'late.type')",
  );
  await as("typed")("event_types.create", type).expect(200);
  const told = () => logged.filter(({ msg }) => msg === "types can't be copied; trying on");
  await until(
    () => Promise.resolve(told()),
    ({ length }) => length > 0,
  );
  await query(homeDatabase.url, "alter table posthorn.event_types drop constraint none");
  await until(
    () => query(homeDatabase.url, "select from posthorn.event_types where name = 'late.type'"),
    ({ length }) => length === 1,
  );
  expect(told()).toMatchObject([{ cell: "home", from: "us" }]);
});

test("a tenant that was there before there were cells stays at home, whatever the default", async () => {
  const old = await createTestDatabase();
  const there = await createTestDatabase();
  const alone = await startTestService({ DATABASE_URL: old.url });
  const url = inboxes["here"]?.url;
  const tenant = { "X-Tenant": "was-there" };
  await caller(alone, tenant)("webhooks.subscribe", { url }).expect(200);
  await alone.stop();
  const both = await startTestService({
    DATABASE_URL: old.url,
    POSTHORN_CELLS: `us=${there.url}`,
    POSTHORN_DEFAULT_CELL: "us",
  });
  const { body } = await caller(both, tenant)("webhooks.list").expect(200);
  expect(body.data).toHaveLength(1);
  await caller(both, { "X-Tenant": "is-new" })("events.publish", event(1)).expect(200);
  expect(await eventsIn(there, "is-new")).toBe(1);
  await both.stop();
  await Promise.all([old.drop(), there.drop()]);
});

test("a tenant's first write stores its placement, and a read stores none", async () => {
  const placed = async (tenant: string) =>
    (
      await query(
        homeDatabase.url,
        `select cell from posthorn.placements where tenant = '${tenant}'`,
      )
    ).map(({ cell }) => cell);
  await as("curious")("webhooks.list").expect(200);
  expect(await placed("curious")).toEqual([]);
  await as("curious")("events.publish", event(1)).expect(200);
  expect(await placed("curious")).toEqual(["home"]);
});

test("a key names its tenant and lives in its tenant's cell; an admin lists, ends and sees those of all", async () => {
  const key = await newKey("over-there", "read");
  expect(key).toMatch(/^phk_read_b3Zlci10aGVyZQ_[\w-]{32}$/);
  const kept = (url: string) =>
    query(url, "select id from posthorn.keys where scope = 'read' and tenant = 'over-there'");
  expect(await kept(homeDatabase.url)).toEqual([]);
  expect(await kept(usDatabase.url)).toHaveLength(1);
  await withKey(key)("webhooks.list").expect(200);
  const { body } = await as("default")("keys.list", { scope: "read" }).expect(200);
  const [listed] = body.data;
  expect(listed).toMatchObject({ tenant: "over-there", scope: "read" });
  const tenants = await as("default")("tenants.list").expect(200);
  const names = tenants.body.data.map(({ name }: { name: string }) => name);
  expect(names).toEqual([...new Set(names)].sort());
  expect(names).toEqual(expect.arrayContaining(["here", "over-there"]));
  await as("default")("keys.revoke", { id: listed.id }).expect(200);
  await withKey(key)("webhooks.list").expect(401);
});

test("an admin's key that is kept in the home cell publishes for a tenant of another, and is named there", async () => {
  const { body } = await as("default")("keys.create", { name: "a", scope: "admin" }).expect(200);
  const publish = caller({ url: service.url, adminKey: body.key }, { "X-Tenant": "over-there" });
  const before = inboxes["over-there"]?.requests.length ?? 0;
  for (const n of [3, 4]) await publish("events.publish", event(n)).expect(200);
  await inboxes["over-there"]?.arrived(before + 2);
  const session = await publish("session.info").expect(200);
  expect(session.body.key).toMatchObject({ id: body.id, name: "a" });
});

test("a portal's link and its session lead to their tenant's cell", async () => {
  const link = { tenant: "over-there", scope: "read" };
  const made = await as("default")("portal.create_link", link).expect(200);
  const token = new URLSearchParams(new URL(made.body.url).hash.slice(1)).get("link");
  const opened = await caller({ url: service.url, adminKey: "none" })("portal.exchange", {
    token,
    nonce: "n".repeat(43),
  }).expect(200);
  const { body } = await withKey(opened.body.key)("webhooks.list").expect(200);
  expect(body.data).toHaveLength(1);
});

test("a cell that is cut off stops its own tenants alone, leaves the process ready, comes back by itself, and has lost nothing", async () => {
  const { here, "over-there": there } = inboxes as Record<"here" | "over-there", Inbox>;
  const status = async () => (await as("over-there")("webhooks.list")).status;
  const readyz = async () => {
    const answer = await fetch(`${service.url}/readyz`);
    return { code: answer.status, ...((await answer.json()) as { cells: Record<string, string> }) };
  };
  const payloads = ({ requests }: Inbox) => requests.map(({ body }) => JSON.parse(body).payload);
  const arrived = (inbox: Inbox, n: number) =>
    until(
      () => Promise.resolve(payloads(inbox)),
      (came) => came.some((payload) => payload?.n === n),
    );
  await as("over-there")("events.publish", event(5)).expect(200);
  await arrived(there, 5); // what is claimed while the line is cut would wait for its lease to run out
  us.refuse(/./s);
  await until(status, (answered) => answered === 503);
  await until(readyz, ({ cells }) => cells["us"] === "away");
  expect(await readyz()).toEqual({ code: 200, status: "ready", cells: { home: "up", us: "away" } });
  await as("here")("webhooks.list").expect(200);
  await as("here")("events.publish", event(5)).expect(200);
  await arrived(here, 5);
  us.refuse(null);
  await until(status, (answered) => answered === 200);
  await until(readyz, ({ cells }) => cells["us"] === "up");
  await as("over-there")("events.publish", event(6)).expect(200);
  await arrived(there, 6);
  const { body } = await as("over-there")("events.list").expect(200);
  expect(body.data).toHaveLength(7);
  const lines = () => logged.filter(({ msg }) => /^(a cell|the database) is /.test(msg));
  await until(
    () => Promise.resolve(lines()),
    (said) => said.at(-1)?.msg === "a cell is back",
  );
  // Once each, however many ask: on a machine that stands still for seconds a cell may go again.
  expect(lines().map(({ cell, msg }) => [cell, msg.split(":")[0]])).toEqual(
    lines().map((_, n) => ["us", n % 2 === 0 ? "a cell is away" : "a cell is back"]),
  );
});

test("a cell that is away at the start stops it not, and is worked with when it comes", async () => {
  us.refuse(/./s);
  const second = await startTestService(settings, { role: "api" });
  try {
    const list = () => caller(second, { "X-Tenant": "over-there" })("webhooks.list");
    await caller(second, { "X-Tenant": "here" })("webhooks.list").expect(200);
    await list().expect(503);
    us.refuse(null);
    await until(
      async () => (await list()).status,
      (status) => status === 200,
    );
  } finally {
    us.refuse(null);
    await second.stop();
  }
});

const start = (overrides: Record<string, string>) =>
  startTestService({ ...settings, ...overrides }, { role: "api" });

test("a cell whose schema is newer than the program, or whose secrets are sealed with another key, is refused in one line that names it", async () => {
  await query(usDatabase.url, "insert into posthorn.migrations values (9999, 'later', now())");
  await expect(start({})).rejects.toThrow(
    /^POSTHORN_CELLS, us: the database's schema is at version 9999, newer than this program's \d+: .*$/,
  );
  await query(usDatabase.url, "delete from posthorn.migrations where version = 9999");
  const fresh = await createTestDatabase();
  const others = Buffer.alloc(32, 8).toString("base64");
  await expect(start({ DATABASE_URL: fresh.url, POSTHORN_SECRETS_KEY: others })).rejects.toThrow(
    /^POSTHORN_CELLS, us: POSTHORN_SECRETS_KEY: not the key that this database's .*$/,
  );
  await fresh.drop();
});

test("a database that is another cell, or another installation's, is refused in one line", async () => {
  await expect(start({ POSTHORN_CELLS: `eu=${usDatabase.url}` })).rejects.toThrow(
    /^POSTHORN_CELLS, eu: it is this installation's cell us; to adopt it: .*$/,
  );
  await expect(
    start({ POSTHORN_CELLS: `eu=${homeDatabase.url}&application_name=x` }),
  ).rejects.toThrow(/^POSTHORN_CELLS, eu: it is this installation's cell home; .*$/);
  const other = await createTestDatabase();
  try {
    for (const [setting, line] of [
      [
        "POSTHORN_CELLS_DIRECT",
        "POSTHORN_CELLS, us: it leads to another database than POSTHORN_CELLS_DIRECT, us;",
      ],
      [
        "POSTHORN_CELLS_READ",
        "POSTHORN_CELLS_READ, us: it leads to another database than POSTHORN_CELLS, us;",
      ],
    ] as const)
      await expect(start({ [setting]: `us=${other.url}` })).rejects.toThrow(line);
    await expect(start({ DATABASE_URL: other.url })).rejects.toThrow(
      /^POSTHORN_CELLS, us: it is the cell us of installation test_\w+, and here is test_\w+; .*$/,
    );
  } finally {
    await other.drop();
  }
});

const URLS = { a: "postgres://u:p@h/a", b: "postgres://u:p@h/b" };

test.each([
  [{ POSTHORN_CELLS: "eu" }, /^POSTHORN_CELLS: eu: an address like .* is needed$/],
  [{ POSTHORN_CELLS: `EU=${URLS.b}` }, /^POSTHORN_CELLS: cell 1 has no name of 1 to 30/],
  [{ POSTHORN_CELLS: `home=${URLS.b}` }, /^POSTHORN_CELLS: home is the cell of DATABASE_URL/],
  [
    { POSTHORN_CELLS: `eu=${URLS.b}`, POSTHORN_CELLS_DIRECT: `home=${URLS.a}` },
    /^POSTHORN_CELLS_DIRECT: home is the cell of DATABASE_URL, and its address DATABASE_DIRECT_URL;/,
  ],
  [
    { POSTHORN_CELLS: `eu=${URLS.b}`, POSTHORN_CELLS_DIRECT: `us=${URLS.b}` },
    /^POSTHORN_CELLS_DIRECT: there is no cell us; POSTHORN_CELLS makes home, eu$/,
  ],
  [
    { POSTHORN_CELLS: `eu=${URLS.b}`, POSTHORN_CELLS_READ: `us=${URLS.b}` },
    /^POSTHORN_CELLS_READ: there is no cell us; POSTHORN_CELLS makes home, eu$/,
  ],
  [{ POSTHORN_CELLS_READ: `us=${URLS.b}` }, /^POSTHORN_CELLS_READ: needs POSTHORN_CELLS beside it/],
  [{ POSTHORN_CELLS: `eu=${URLS.b},eu=${URLS.b}x` }, /^POSTHORN_CELLS: the name eu is given twice/],
  [{ POSTHORN_CELLS: `eu=${URLS.b},us=${URLS.b}` }, /^POSTHORN_CELLS: eu and us lead to the same/],
  [{ POSTHORN_CELLS: `eu=${URLS.a}` }, /^POSTHORN_CELLS: eu leads to DATABASE_URL's own database/],
  [
    { POSTHORN_CELLS: `eu=${URLS.b}`, POSTHORN_DEFAULT_CELL: "us" },
    /^POSTHORN_DEFAULT_CELL: there is no cell us; POSTHORN_CELLS makes home, eu$/,
  ],
  [
    { POSTHORN_CELLS: `eu=${URLS.b}`, DATABASE_URL: undefined },
    /^POSTHORN_CELLS: needs DATABASE_URL beside it \(docs\/cells.md\)$/,
  ],
])("%j is refused in one line that shows no password", (given, line) => {
  const read = () => loadConfig({ DATABASE_URL: URLS.a, ...given });
  expect(read).toThrow(line);
  expect(read).not.toThrow(/u:p/);
});
