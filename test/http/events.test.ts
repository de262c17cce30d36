// events.* and event_types.*, over HTTP.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";

import { CATALOGUE } from "../../src/event-types/catalogue/index.ts";
import { caller, insist, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
});
afterAll(() => service.stop());

const TYPE = "message.created";
const countEvents = async (): Promise<number> =>
  (await post("events.list", { page_size: 200 })).body.data.length;

describe("events.publish", () => {
  test("stores the event and answers its id and the number of webhooks it goes to", async () => {
    const { body } = await post("events.publish", {
      type: TYPE,
      payload: { id: 1 },
      channel: "+1555",
      timestamp: "2020-10-25T21:24:54.560+02:00",
    });
    expect(body).toEqual({
      id: expect.stringMatching(/^evt_[0-9a-f]{12}7[0-9a-f]{19}$/),
      deliveries: 0,
      duplicate: false,
    });
    const { body: event } = await post("events.info", { id: body.id });
    expect(event).toEqual({
      id: body.id,
      type: TYPE,
      channel: "+1555",
      timestamp: "2020-10-25T19:24:54.560Z",
      payload: { id: 1 },
      payload_text: '{"id":1}',
      created_at: expect.any(String),
      deliveries: [],
      deliveries_left_out: false,
      webhooks_without: 0,
    });
    // The id and created_at come from one reading of the clock.
    expect(Number.parseInt(body.id.slice(4, 16), 16)).toBe(new Date(event.created_at).getTime());
  });

  test.each([
    null,
    0,
    "",
    false,
    [],
    {},
    "\u0000",
    { a: "\ud800" },
    { "": { "2": 1, b: 2, "1": 3 } },
    1e21,
    9007199254740993,
  ])("takes any JSON value as a payload and gives it back: %j", async (payload) => {
    const { body } = await post("events.publish", { type: TYPE, payload });
    const { body: event } = await post("events.info", { id: body.id });
    expect(JSON.stringify(event.payload)).toBe(JSON.stringify(payload));
  });

  test("keeps a payload's own member called __proto__", async () => {
    const { body } = await post("events.publish")
      .set("Content-Type", "application/json")
      .send(`{"type": "${TYPE}", "payload": {"__proto__": {"x": 1}, "y": 2}}`);
    const { text } = await post("events.info", { id: body.id });
    expect(text).toContain('"payload":{"__proto__":{"x":1},"y":2}');
  });

  test.each([
    [{ type: TYPE }, "payload"],
    [{ payload: {} }, "type"],
    [{ type: "no such type", payload: {} }, "type"],
    [{ type: "a".repeat(201), payload: {} }, "type"],
    [{ type: "webhook.failing", payload: {} }, "type"],
    [{ type: TYPE, payload: {}, channel: "" }, "channel"],
    [{ type: TYPE, payload: {}, channel: "a".repeat(256) }, "channel"],
    [{ type: TYPE, payload: {}, channel: "a\0" }, "channel"],
    [{ type: TYPE, payload: {}, timestamp: "2020-10-25" }, "timestamp"],
    [{ type: TYPE, payload: {}, timestamp: "2020-10-25T21:24:54" }, "timestamp"],
    [{ type: TYPE, payload: {}, timestamp: "2020-13-45T21:24:54Z" }, "timestamp"],
    [{ type: TYPE, payload: {}, timestamp: 1603661094 }, "timestamp"],
    [{ type: TYPE, payload: {}, idempotency_key: "" }, "idempotency_key"],
    [{ type: TYPE, payload: "x".repeat(262_143) }, "payload"],
    [
      { type: TYPE, payload: JSON.parse(`${"[".repeat(501)}${"]".repeat(501)}`) as unknown },
      "payload",
    ],
  ])("refuses a bad event, names the field, and stores nothing (%#)", async (event, path) => {
    const before = await countEvents();
    const answer = await post("events.publish", event);
    expect([answer.status, answer.body.code, answer.body.issues[0].path]).toEqual([
      400,
      "invalid_request",
      path,
    ]);
    expect(await countEvents()).toBe(before);
  });

  test("takes a payload of exactly 256 KiB, and 500 levels", async () => {
    expect(
      (await post("events.publish", { type: TYPE, payload: "x".repeat(262_142) })).status,
    ).toBe(200);
    const deep = JSON.parse(`${"[".repeat(500)}${"]".repeat(500)}`) as unknown;
    const { body } = await post("events.publish", { type: TYPE, payload: deep });
    expect((await post("events.info", { id: body.id })).body.payload).toEqual(deep);
  });

  test("an unknown type is 400 and says how to make it", async () => {
    const { status, body } = await post("events.publish", { type: "no.such.type", payload: {} });
    expect([status, body.code]).toEqual([400, "unknown_event_type"]);
    expect(body.message).toContain("event_types.create");
  });

  test("an unknown type is added where unknown types are accepted", async () => {
    const accepting = await startTestService({ POSTHORN_UNKNOWN_TYPES: "accept" }, { role: "api" });
    const call = caller(accepting);
    expect((await call("events.publish", { type: "order.shipped", payload: {} })).status).toBe(200);
    const { body } = await call("event_types.list", { page_size: 200 });
    expect(body.data.map((type: { name: string }) => type.name)).toContain("order.shipped");
    await accepting.stop();
  });
});

test.each(["1e400", '[{"a": -1e309}]'])(
  "a number that no double can hold is refused, and not sent as null: %s",
  async (payload) => {
    const answer = await post("events.publish")
      .set("Content-Type", "application/json")
      .send(`{"type": "${TYPE}", "payload": ${payload}}`);
    expect([answer.status, answer.body.code]).toEqual([400, "invalid_request"]);
    expect(answer.body.issues[0].path).toBe("payload");
  },
);

describe("idempotency", () => {
  test("the same key with the same event answers the first id, fifty times at once too", async () => {
    const event = { type: TYPE, payload: { order: 1 }, idempotency_key: "fifty" };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => insist(() => post("events.publish", event))),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ body }) => !body.duplicate)).toHaveLength(1);
  });

  test.each([
    { payload: { order: 2 } },
    { type: "message.sent" },
    { channel: "+1" },
    { timestamp: "2020-01-01T00:00:00Z" },
  ])("the same key with another event is 409: %j", async (change) => {
    const event = {
      type: TYPE,
      payload: { order: 1 },
      idempotency_key: `conflict ${JSON.stringify(change)}`,
    };
    await post("events.publish", event);
    const { status, body } = await post("events.publish", { ...event, ...change });
    expect([status, body.code]).toEqual([409, "idempotency_conflict"]);
  });

  test("keys are a tenant's own", async () => {
    const event = { type: TYPE, payload: {}, idempotency_key: "mine" };
    const { body: mine } = await post("events.publish", event);
    const { body: theirs } = await caller(service, { "X-Tenant": "theirs" })(
      "events.publish",
      event,
    );
    expect(theirs).toMatchObject({ duplicate: false });
    expect(theirs.id).not.toBe(mine.id);
  });
});

describe("events.publish_many", () => {
  test("answers in order, with ids that rise", async () => {
    const events = Array.from({ length: 1_000 }, (_, number) => ({
      type: TYPE,
      payload: { number },
    }));
    const { body } = await post("events.publish_many", { events });
    const ids = body.data.map((published: { id: string }) => published.id);
    expect(ids).toHaveLength(1_000);
    expect(ids).toEqual([...ids].sort());
    expect((await post("events.info", { id: ids[617] })).body.payload).toEqual({ number: 617 });
  });

  test("stores all or none: one bad event refuses the list", async () => {
    const before = await countEvents();
    const answer = await post("events.publish_many", {
      events: [
        { type: TYPE, payload: 1 },
        { type: "no.such.type", payload: 2 },
      ],
    });
    expect(answer.status).toBe(400);
    expect(await countEvents()).toBe(before);
  });

  test("a new key twice in one list is one event, stored by the first of the two", async () => {
    const events = ["one", "two", "one", "two"].map((key) => ({
      type: TYPE,
      payload: { key },
      idempotency_key: `twice ${key}`,
    }));
    const { status, body } = await post("events.publish_many", { events });
    expect(status).toBe(200);
    const [one, two, ...again] = body.data;
    expect([one, two].map(({ duplicate }) => duplicate)).toEqual([false, false]);
    expect(again).toEqual([one, two].map((first) => ({ ...first, duplicate: true })));
    expect((await post("events.info", { id: two.id })).body.payload).toEqual({ key: "two" });
  });

  test("a key twice in one list is one event; lists with the same keys in other orders do not deadlock", async () => {
    const events = Array.from({ length: 20 }, (_, number) => ({
      type: TYPE,
      payload: { number },
      idempotency_key: `list ${number}`,
    }));
    const answers = await Promise.all(
      [events, [...events].reverse(), [...events, ...events]].map((list) =>
        insist(() => post("events.publish_many", { events: list })),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const ids = answers.flatMap(({ body }) =>
      body.data.map((published: { id: string }) => published.id),
    );
    expect(new Set(ids).size).toBe(20);
  });

  test.each([[[]], [Array(1_001).fill({ type: TYPE, payload: 1 })]])(
    "refuses an empty list and one of more than 1,000 (%#)",
    async (events) => {
      expect((await post("events.publish_many", { events })).body.issues[0].path).toBe("events");
    },
  );
});

describe("events.list", () => {
  test("refuses a type that no database can hold", async () => {
    const answer = await post("events.list", { type: "a\u0000" });
    expect([answer.status, answer.body.issues[0].path]).toEqual([400, "type"]);
  });

  test("filters by type, channel and time, newest first, page by page", async () => {
    const call = caller(service, { "X-Tenant": "listing" });
    const ids: string[] = [];
    for (const [type, channel] of [
      [TYPE, "a"],
      ["message.sent", "a"],
      [TYPE, "b"],
    ] as const)
      ids.unshift((await call("events.publish", { type, channel, payload: {} })).body.id);
    const listed = async (filter: object) =>
      (await call("events.list", filter)).body.data.map((event: { id: string }) => event.id);
    expect(await listed({})).toEqual(ids);
    expect(await listed({ type: TYPE })).toEqual([ids[0], ids[2]]);
    expect(await listed({ channel: "a" })).toEqual([ids[1], ids[2]]);
    const { created_at: middle } = (await call("events.info", { id: ids[1] })).body;
    const later = new Date(new Date(middle).getTime() + 1).toISOString();
    expect(await listed({ since: middle })).toEqual(expect.arrayContaining([ids[0], ids[1]]));
    expect(await listed({ until: later })).toEqual(expect.arrayContaining([ids[1], ids[2]]));
    expect(await listed({ since: later })).not.toContain(ids[1]);
    const { body: first } = await call("events.list", { page_size: 2 });
    const { body: second } = await call("events.list", {
      page_size: 2,
      cursor: first.pagination_data.next_cursor,
    });
    expect([...first.data, ...second.data].map((event: { id: string }) => event.id)).toEqual(ids);
    expect(second.pagination_data.next_cursor).toBeNull();
  });

  test("another tenant's event is unknown", async () => {
    const { body } = await post("events.publish", { type: TYPE, payload: 1 });
    const answer = await caller(service, { "X-Tenant": "stranger" })("events.info", {
      id: body.id,
    });
    expect([answer.status, answer.body.code]).toEqual([404, "event_not_found"]);
  });
});

describe("event_types", () => {
  test("two changes at once are both made, of a built-in type too", async () => {
    const names = ["message.read", "message.sent", "message.failed", "receipt.read"];
    for (const name of names) {
      const [first, second] = await Promise.all([
        insist(() => post("event_types.update", { name, description: "mine" })),
        insist(() => post("event_types.update", { name, example: { mine: true } })),
      ]);
      expect([first.body, second.body]).toContainEqual(
        expect.objectContaining({ description: "mine", example: { mine: true } }),
      );
    }
  });

  test("a tenant never seen before has every built-in type, with its example and schema", async () => {
    const { body } = await caller(service, { "X-Tenant": "brand-new" })("event_types.list", {
      page_size: 200,
    });
    const built = CATALOGUE.map(({ name, description, example, schema }) => ({
      name,
      description,
      example,
      schema,
      enforce: false,
    }));
    expect(body.data).toHaveLength(built.length);
    expect(body.data).toEqual(
      expect.arrayContaining(built.map((type) => expect.objectContaining(type))),
    );
  });

  test("an enforced schema refuses what does not fit, says where, and stores nothing", async () => {
    const schema = {
      type: "object",
      required: ["order_id"],
      properties: { order_id: { type: "string" } },
    };
    const { body: made } = await post("event_types.create", { name: "order.placed", schema });
    expect(made).toMatchObject({ name: "order.placed", enforce: true, schema });
    const before = await countEvents();
    const bad = await post("events.publish_many", {
      events: [
        { type: "order.placed", payload: { order_id: "a" } },
        { type: "order.placed", payload: { order_id: 1 } },
      ],
    });
    expect([bad.status, bad.body.code, bad.body.issues[0].path]).toEqual([
      400,
      "payload_does_not_fit_schema",
      "events.1.payload.order_id",
    ]);
    expect(await countEvents()).toBe(before);
    expect(
      (await post("events.publish", { type: "order.placed", payload: { order_id: "a" } })).status,
    ).toBe(200);
    await post("event_types.update", { name: "order.placed", enforce: false });
    expect((await post("events.publish", { type: "order.placed", payload: {} })).status).toBe(200);
  });

  test("a type that exists can't be created again, a built-in one neither; a deleted one can", async () => {
    expect((await post("event_types.create", { name: TYPE })).body.code).toBe("event_type_exists");
    expect((await post("event_types.create", { name: "order.lost" })).status).toBe(200);
    const again = await Promise.all(
      [1, 2].map(() => post("event_types.create", { name: "order.lost" })),
    );
    expect(again.map(({ status }) => status)).toEqual([409, 409]);
    expect((await post("event_types.delete", { name: "order.lost" })).body).toEqual({});
    expect(
      (await post("event_types.create", { name: "order.lost", description: "anew" })).body
        .description,
    ).toBe("anew");
  });

  test("delete archives: nothing new can subscribe, publishing goes on", async () => {
    const call = caller(service, { "X-Tenant": "archive" });
    await call("event_types.delete", { name: "typing.started" });
    expect(
      (await call("webhooks.subscribe", { url: "http://127.0.0.1:1/", events: ["typing.started"] }))
        .status,
    ).toBe(400);
    expect((await call("events.publish", { type: "typing.started", payload: {} })).status).toBe(
      200,
    );
    expect((await post("events.publish", { type: "typing.started", payload: {} })).status).toBe(
      200,
    );
    const { body } = await call("event_types.list", { page_size: 200 });
    expect(body.data.map((type: { name: string }) => type.name)).not.toContain("typing.started");
  });

  test("changing a built-in type changes it for one tenant alone", async () => {
    const call = caller(service, { "X-Tenant": "own" });
    const { body } = await call("event_types.update", {
      name: TYPE,
      description: "ours",
      schema: { type: "string" },
    });
    expect(body).toMatchObject({ description: "ours", enforce: true });
    expect((await call("events.publish", { type: TYPE, payload: 1 })).status).toBe(400);
    expect((await post("events.publish", { type: TYPE, payload: 1 })).status).toBe(200);
  });

  test.each([
    [{ name: "x.y", schema: { type: "nonsense" } }, "schema"],
    [{ name: "x.y", schema: 5 }, "schema"],
    [{ name: "x.y", schema: { $ref: "https://example.com/schema.json" } }, "schema"],
    [{ name: "x.y", enforce: true }, "enforce"],
    [{ name: "delivery.lost" }, "name"],
    [{ name: "*" }, "name"],
  ])("refuses %j", async (input, path) => {
    const answer = await post("event_types.create", input);
    expect([answer.status, answer.body.issues[0].path]).toEqual([400, path]);
  });

  test("an unknown type can neither be changed nor deleted", async () => {
    for (const operation of ["event_types.update", "event_types.delete"])
      expect((await post(operation, { name: "no.such" })).body.code).toBe("event_type_not_found");
  });
});

describe("a filter that can't match anything is refused", () => {
  test.each<[string, object, string]>([
    ["events.list", { type: "mesage.created" }, "unknown_event_type"],
    ["events.list", { type: "mesage.*" }, "unknown_event_type"],
    ["events.list", { type: "message." }, "invalid_request"],
    ["events.list", { type: "*" }, "invalid_request"],
    ["events.list", { type: "message created" }, "invalid_request"],
    [
      "events.list",
      { since: "2026-02-01T00:00:00Z", until: "2026-01-01T00:00:00Z" },
      "invalid_request",
    ],
    [
      "deliveries.list",
      { since: "2026-02-01T00:00:00Z", until: "2026-01-01T00:00:00Z" },
      "invalid_request",
    ],
  ])("%s %j", async (operation, filter, code) => {
    const { body } = await post(operation, filter).expect(400);
    expect(body.code).toBe(code);
  });

  test("and one that can, but does not yet, is an empty page", async () => {
    const at = "2020-01-01T00:00:00Z";
    for (const filter of [{ type: "campaign.completed" }, { type: "webhook.*" }])
      expect((await post("events.list", { ...filter, until: at, since: at })).body.data).toEqual(
        [],
      );
  });
});

test("events are listed by prefix", async () => {
  for (const name of ["prefix.a", "prefix.b.c", "prefixed.a"]) {
    await post("event_types.create", { name }).expect(200);
    await post("events.publish", { type: name, payload: 1 }).expect(200);
  }
  const { body } = await post("events.list", { type: "prefix.*" }).expect(200);
  expect(body.data.map(({ type }: { type: string }) => type)).toEqual(["prefix.b.c", "prefix.a"]);
});
