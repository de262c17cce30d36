// The answer of the database is lost: nobody is told that nothing was stored where it was.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startDatabaseProxy, type DatabaseProxy } from "../helpers/database-proxy.ts";
import { query } from "../helpers/embedded.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";
const UNSURE = { status: 503, body: { code: "unsure" } };
const COMMIT = /[^_]commit\0/; // the statement, and no setting that a new session names

let database: TestDatabase;
let proxy: DatabaseProxy;
let service: TestService;
let post: Call;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startDatabaseProxy(database.url);
  // Without a wait: what is lost here is lost at each try.
  service = await startTestService({ DATABASE_URL: proxy.url }, { role: "api", waitMs: 0 });
  post = caller(service);
});
afterEach(() => proxy.loseAnswersTo(null));
afterAll(async () => {
  await service.stop();
  await proxy.close();
  await database.drop();
});

/** What is in the database, asked past the proxy. */
const count = async (what: string) =>
  Number((await query(database.url, `select count(*) as n from ${what}`))[0]?.["n"]);

describe("a publish whose statement's answer is lost", () => {
  test("is told that it may be stored, and under its idempotency key it is stored once", async () => {
    proxy.loseAnswersTo(/store_events|publish( within)?\0/);
    const events = Array.from({ length: 20 }, (_, n) => ({
      type: TYPE,
      payload: n,
      idempotency_key: `order ${n}`,
    }));
    for (const event of events) {
      const answer = await post("events.publish", event);
      expect(answer).toMatchObject(UNSURE);
      expect(answer.body.message).toContain("idempotency_key");
    }
    expect(proxy.lost).toBeGreaterThanOrEqual(20);
    proxy.loseAnswersTo(null);
    expect(await count("posthorn.events")).toBe(20);
    for (const event of events)
      expect((await post("events.publish", event).expect(200)).body.duplicate).toBe(true);
    expect(await count("posthorn.events")).toBe(20);
  });

  test.each([
    ["single ones", "events.publish", { type: TYPE, payload: 1 }],
    ["a list", "events.publish_many", { events: [{ type: TYPE, payload: 1 }] }],
  ])("%s, without a key, is told the same", async (_, operation, body) => {
    const before = await count("posthorn.events");
    proxy.loseAnswersTo(/store_events|publish( within)?\0/);
    expect(await post(operation, body)).toMatchObject(UNSURE);
    expect(await count("posthorn.events")).toBe(before + 1);
  });
});

test.each([
  [
    "webhooks.subscribe",
    { url: "http://127.0.0.1:9/" },
    COMMIT,
    "posthorn.webhooks",
    "webhooks.list",
  ],
  ["keys.create", { name: "unseen", scope: "read" }, COMMIT, "posthorn.keys", "keys.list"],
  [
    "event_types.create",
    { name: "made.unseen" },
    COMMIT, // its version is kept with it
    "posthorn.event_types",
    "event_type_exists",
  ],
])(
  "%s whose answer is lost says so, and where to look",
  async (operation, body, statement, table, way) => {
    const before = await count(table);
    proxy.loseAnswersTo(statement);
    const answer = await post(operation, body);
    expect(answer).toMatchObject(UNSURE);
    expect(answer.body.message).toContain(way);
    expect(await count(table)).toBe(before + 1);
  },
);

test("where what was asked is stored and only what follows fails, nobody is told that it is not", async () => {
  const { id } = (await post("webhooks.subscribe", { url: "http://127.0.0.1:9/" }).expect(200))
    .body;
  proxy.loseAnswersTo(/posthorn.requeue_rows/); // its rows follow by the loop
  expect((await post("webhooks.unsubscribe", { id }).expect(200)).body.status).toBe("Unsubscribed");
  proxy.loseAnswersTo(null);
  const event = { type: "message.created", payload: { text: "gone" } };
  const { id: eventId } = (await post("events.publish", event).expect(200)).body;
  proxy.loseAnswersTo(/left join posthorn.event_payloads as p/); // what the answer is made of
  expect(await post("events.erase", { id: eventId })).toMatchObject(UNSURE);
  proxy.loseAnswersTo(null);
  expect((await post("events.info", { id: eventId })).body.payload).toBeNull();
});

test("a list whose answer is lost has nothing to be unsure of", async () => {
  proxy.loseAnswersTo(/from "?posthorn"?."?webhooks/);
  const answer = await post("webhooks.list");
  expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
  expect(answer.body.message).not.toContain("stored");
});

test("a publish that could not be sent says that nothing was stored", async () => {
  await proxy.close();
  const before = await count("posthorn.events");
  const answer = await until(
    () => post("events.publish", { type: TYPE, payload: 1 }),
    ({ body }) => body.code !== "unsure", // over a connection that is not known to be lost yet
  );
  expect(answer).toMatchObject({ status: 503, body: { code: "database_unavailable" } });
  expect(answer.body.message).toContain("nothing was stored");
  expect(await count("posthorn.events")).toBe(before);
});
