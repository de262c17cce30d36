// Many publishes at once: they share statements, and nobody can tell.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";

let service: TestService;
let post: Call;
beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
});
afterAll(() => service.stop());

test("each of many at once gets its own answer, the bad ones among them too", async () => {
  await post("event_types.create", {
    name: "order.placed",
    schema: { type: "object", required: ["order_id"] },
  });
  const bad = new Map<number, [event: object, code: string]>([
    [7, [{ type: "no.such.type", payload: 7 }, "unknown_event_type"]],
    [20, [{ type: "order.placed", payload: 20 }, "payload_does_not_fit_schema"]],
    [33, [{ type: TYPE, payload: 33, channel: "" }, "invalid_request"]],
  ]);
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      post("events.publish", bad.get(n)?.[0] ?? { type: TYPE, payload: n }),
    ),
  );
  for (const [n, { status, body }] of answers.entries()) {
    const code = bad.get(n)?.[1];
    if (code !== undefined) expect([n, status, body.code]).toEqual([n, 400, code]);
    else expect((await post("events.info", { id: body.id })).body.payload).toBe(n);
  }
});

test("fifty with one key, and fifty with another body under it, are one event and fifty conflicts", async () => {
  const event = { type: TYPE, payload: "first", idempotency_key: "fifty-fifty" };
  const first = await post("events.publish", event);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, n) =>
      post("events.publish", n % 2 === 0 ? event : { ...event, payload: "other" }),
    ),
  );
  for (const [n, { status, body }] of answers.entries())
    if (n % 2 === 0) expect(body).toEqual({ id: first.body.id, deliveries: 0, duplicate: true });
    else expect([status, body.code]).toEqual([409, "idempotency_conflict"]);
});

test("a key that is held by an open transaction holds up no publish but its own", async () => {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  await client.query("begin");
  await client.query(
    `select posthorn.publish('${TYPE}', '"mine"', idempotency_key => 'open order')`,
  );
  const waiting = post("events.publish", {
    type: TYPE,
    payload: "mine",
    idempotency_key: "open order",
  }).then((answer) => answer);
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, n) => post("events.publish", { type: TYPE, payload: n })),
  );
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
  await client.query("commit");
  expect((await waiting).body.duplicate).toBe(true);
  await client.end();
});

test("of many calls at once under two keys those of the revoked one are refused from its answer on", async () => {
  const keys = await Promise.all(
    ["stays", "goes"].map((name) =>
      post("keys.create", { name, scope: "publish", tenant: "default" }),
    ),
  );
  const [stays, goes] = keys.map(({ body }) =>
    caller(service, { Authorization: `Bearer ${body.key}` }),
  ) as [Call, Call];
  const publish = (call: Call) => call("events.publish", { type: TYPE, payload: 1 });
  expect((await publish(goes)).status).toBe(200);
  await post("keys.revoke", { id: keys[1]?.body.id });
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, n) => publish(n % 2 === 0 ? stays : goes)),
  );
  for (const [n, { status }] of answers.entries()) expect(status).toBe(n % 2 === 0 ? 200 : 401);
});
