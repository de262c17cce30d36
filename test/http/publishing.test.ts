// Many publishes at once: they share statements, and nobody can tell.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import pg from "pg";

import { caller, insist, until, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

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

test("a schema holds from the first publish after it was given, singly and in lists, and no longer than it is there", async () => {
  const name = "stock.counted";
  const schema = { type: "object" };
  const tries = async () => {
    const fit = { type: name, payload: {} };
    const unfit = { type: name, payload: 1 };
    const keyed = { ...unfit, idempotency_key: `${Math.random()}` };
    const calls = [
      post("events.publish", unfit),
      post("events.publish", keyed),
      post("events.publish_many", { events: [{ type: TYPE, payload: 1 }, unfit] }),
      post("events.publish", fit),
    ];
    return (await Promise.all(calls)).map(({ status }) => status);
  };
  await post("event_types.create", { name }).expect(200);
  expect(await tries()).toEqual([200, 200, 200, 200]);
  for (let time = 0; time < 2; time++) {
    await post("event_types.update", { name, schema, enforce: true }).expect(200);
    expect(await tries()).toEqual([400, 400, 400, 200]);
    await post("event_types.update", { name, enforce: false }).expect(200);
    expect(await tries()).toEqual([200, 200, 200, 200]);
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

/** A publish by SQL under each key, whose transaction stays open until it is told to end. */
async function openPublish(...keys: string[]) {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  await client.query("begin");
  for (const key of keys)
    await client.query(`select posthorn.publish('${TYPE}', '"mine"', idempotency_key => $1)`, [
      key,
    ]);
  return {
    awaited: () => untilWaiting(client),
    end: async (how: "commit" | "rollback") => {
      await client.query(how);
      await client.end();
    },
  };
}

const mine = (key: string) => ({ type: TYPE, payload: "mine", idempotency_key: key });

/** Publishes again for as long as its key is held, as its caller does. */
const publishAtLast = (event: object) => insist(() => post("events.publish", event));
const IN_USE = { status: 503, body: { code: "database_unavailable" } };

test("a key that is held by an open transaction holds up no publish but its own", async () => {
  const { end } = await openPublish("open order");
  const waiting = publishAtLast(mine("open order"));
  const others = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      post("events.publish", {
        type: TYPE,
        payload: n,
        ...(n % 2 === 0 && { idempotency_key: `other ${n}` }),
      }),
    ),
  );
  expect(new Set(others.map(({ status }) => status))).toEqual(new Set([200]));
  await end("commit");
  expect((await waiting).body.duplicate).toBe(true);
});

test.each([
  ["under one key", () => ""],
  ["under a key each", (n: number) => `${n}`],
  ["in lists", (n: number) => `${n}`],
])(
  "twelve %s that wait for an open transaction hold up no other call, and are told 503 in time",
  async (how, numberOf) => {
    let tries = 0;
    await until(
      () => holdUp(`held ${how}, ${++tries}`, numberOf, how === "in lists"),
      (told) => told < 12, // all others are answered, and some of these still wait; on a busy machine perhaps not at once
    );
  },
);

/** Answers how many of the twelve had been told when all other calls were answered. */
async function holdUp(
  how: string,
  numberOf: (n: number) => string,
  isList: boolean,
): Promise<number> {
  const keys = Array.from({ length: 12 }, (_, n) => `${how}: ${numberOf(n)}`);
  const { awaited, end } = await openPublish(...new Set(keys));
  let told = 0;
  const waiting = keys.map(async (key) => {
    const event = mine(key);
    const answer = await (isList
      ? post("events.publish_many", { events: [{ type: TYPE, payload: 1 }, event] })
      : post("events.publish", event));
    told++;
    return answer;
  });
  await awaited();
  await Promise.all([
    ...Array.from({ length: 10 }, () => post("webhooks.list").expect(200)),
    ...Array.from({ length: 10 }, (_, n) =>
      post("events.publish", { type: TYPE, payload: n }).expect(200),
    ),
    ...Array.from({ length: 10 }, (_, n) =>
      post("events.publish", { type: TYPE, payload: n, idempotency_key: `${how} ${n}` }).expect(
        200,
      ),
    ),
  ]);
  const toldMeanwhile = told;
  for (const answer of await Promise.all(waiting)) {
    expect(answer).toMatchObject(IN_USE);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.body.message).toContain("idempotency_key");
  }
  await end("rollback");
  const again = await post("events.publish", mine(keys[0] ?? ""));
  expect([again.status, again.body.duplicate]).toEqual([200, false]);
  return toldMeanwhile;
}

test("two callers at once with one key and one body are told one id, and one of them that it is new", async () => {
  const answers = await Promise.all([1, 2].map(() => publishAtLast(mine("two at once"))));
  expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  expect(answers.map(({ body }) => body.duplicate).sort()).toEqual([false, true]);
});

test("of those that wait for one key one that says otherwise is a conflict, and the others are repeats", async () => {
  const { awaited, end } = await openPublish("order with two bodies");
  const waiting = Promise.all(
    ["mine", "other", "mine"].map((payload) =>
      publishAtLast({ ...mine("order with two bodies"), payload }),
    ),
  );
  await awaited();
  await end("commit");
  expect((await waiting).map(({ status, body }) => [status, body.duplicate])).toEqual([
    [200, true],
    [409, undefined],
    [200, true],
  ]);
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
