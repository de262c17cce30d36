// webhooks.test: one sample to a real receiver, through processes that deliver nothing.
import { createHash, createHmac } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type pg from "pg";
import request from "supertest";

import { CATALOGUE } from "../../src/event-types/catalogue/index.ts";
import { OWN_EVENT_TYPES } from "../../src/event-types/names.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startInbox, type Delivered, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let sql: pg.Client;
let inbox: Inbox;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  sql = await service.connect();
});
afterAll(() => service.stop());
beforeEach(async () => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  inbox = await startInbox();
});
afterEach(() => inbox.close());

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings })).body.id;
const exampleOf = (name: string) => CATALOGUE.find((type) => type.name === name)?.example;
const arrived = async (count: number) => {
  const { body, headers } = (await inbox.arrived(count))[count - 1] as Delivered;
  return { headers, body, said: JSON.parse(body) as { type: string; payload: unknown } };
};
const rowsStored = async () => {
  const tables = ["events", "deliveries", "finished_deliveries", "attempts", "counter_deltas"];
  const counts = tables.map((name) => `(select count(*)::integer from posthorn.${name})`);
  const { rows } = await sql.query(`select array[${counts.join(", ")}] as counts`);
  return rows[0].counts as number[];
};

test("a sample arrives as a delivery would, signed, under an id of its own, and the answer is the attempt", async () => {
  inbox.reply = () => ({ status: 201, headers: { "x-said": "yes" }, body: "welcome" });
  const id = await subscribe({ signature_key: "secret", headers: { "X-Token": "hidden" } });
  const { status, body: attempt } = await post("webhooks.test", { id, type: "contact.created" });
  expect(status).toBe(200);
  const { headers, body, said } = await arrived(1);
  expect(said).toEqual({
    type: "contact.created",
    timestamp: expect.any(Number),
    payload: exampleOf("contact.created"),
  });
  expect(headers).toMatchObject({
    "webhook-id": expect.stringMatching(/^evt_test_[0-9a-f]{32}$/),
    "webhook-attempt": "1",
    "webhook-timestamp": String(Math.floor(Date.parse(attempt.at) / 1_000)),
    "x-airy-content-signature": createHmac("sha256", "secret").update(body).digest("hex"),
    "x-token": "hidden",
  });
  expect(headers).not.toHaveProperty("webhook-sequence");
  expect(attempt).toEqual({
    id: expect.stringMatching(/^att_[0-9a-f]{32}$/),
    number: 1,
    resent_at: null,
    at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    duration_ms: expect.any(Number),
    worker: expect.any(String),
    url: inbox.url,
    address: "127.0.0.1",
    request_headers: {
      "User-Agent": headers["user-agent"],
      "Content-Type": "application/json",
      "X-Token": "********",
      "Webhook-Id": headers["webhook-id"],
      "Webhook-Timestamp": headers["webhook-timestamp"],
      "Webhook-Attempt": "1",
      "X-Airy-Content-Signature": "********",
    },
    request_body: body,
    body_is: "as_sent",
    body_sha256: createHash("sha256").update(body).digest("hex"),
    key_version: 1,
    status: 201,
    response_headers: expect.objectContaining({ "x-said": "yes" }),
    response_body: "welcome",
    reason: null,
    error: null,
  });
});

test("nothing of it is stored, counted or judged, however it ends", async () => {
  inbox.reply = (_request, number) => ({ status: number === 0 ? 200 : 410 });
  const id = await subscribe();
  const before = await rowsStored();
  await post("webhooks.test", { id }).expect(200);
  const { body } = await post("webhooks.test", { id });
  expect(body).toMatchObject({ status: 410, reason: "status", response_body: "ok" });
  expect(await rowsStored()).toEqual(before);
  expect((await post("webhooks.info", { id })).body).toMatchObject({
    health: "ok",
    counters: { delivered: 0, dead: 0, pending: 0, last_success_at: null, last_failure_at: null },
  });
  expect(inbox.requests).toHaveLength(2); // and none of it was tried again
});

test("it goes to a paused and to a disabled webhook too, and changes neither", async () => {
  const id = await subscribe();
  await post("webhooks.update", { id, paused: true });
  expect((await post("webhooks.test", { id })).body.status).toBe(200);
  await sql.query("update posthorn.webhooks set health = 'disabled' where id = $1", [id]);
  expect((await post("webhooks.test", { id })).body.status).toBe(200);
  expect((await post("webhooks.info", { id })).body).toMatchObject({
    paused: true,
    health: "disabled",
  });
});

describe("the sample", () => {
  test.each([
    [[], "message.created"],
    [["transfer.created", "message.created"], "transfer.created"],
    [["contact.*", "message.created"], "contact.created"],
    [["nothing.of.this.*", "typing.*"], "typing.started"],
    [["nothing.of.this.*"], "message.created"],
    [["webhook.disabled"], "webhook.disabled"],
  ])("for a webhook to %j is of type %s, unless another is named", async (events, type) => {
    await post("webhooks.test", { id: await subscribe({ events }) }).expect(200);
    expect((await arrived(1)).said.type).toBe(type);
  });

  test("of a type of the tenant's own is its example, and an empty payload where it has none", async () => {
    await post("event_types.create", { name: "order.shipped", example: { order: "A-17" } });
    await post("event_types.create", { name: "order.lost" });
    const id = await subscribe();
    await post("webhooks.test", { id, type: "order.shipped" });
    expect((await arrived(1)).said.payload).toEqual({ order: "A-17" });
    await post("webhooks.test", { id, type: "order.lost" });
    expect((await arrived(2)).said.payload).toEqual({});
  });

  test("of the service's own events can be asked for", async () => {
    const id = await subscribe();
    for (const [index, type] of OWN_EVENT_TYPES.entries()) {
      await post("webhooks.test", { id, type }).expect(200);
      const { said } = await arrived(index + 1);
      expect(said).toMatchObject({ type, payload: { webhook_id: expect.any(String) } });
    }
  });

  test("is signed with both keys while a rotation overlaps", async () => {
    const id = await subscribe({ preset: "standard", generate_signature_key: true });
    await post("webhooks.rotate_key", { id }).expect(200);
    await post("webhooks.test", { id });
    const { headers } = await arrived(1);
    expect(String(headers["webhook-signature"]).split(" ")).toHaveLength(2);
  });
});

describe("an attempt that can't be made is answered like one that was", () => {
  test("nobody listens: connect", async () => {
    const id = await subscribe();
    await inbox.close();
    const { status, body } = await post("webhooks.test", { id });
    expect([status, body.status, body.reason]).toEqual([200, null, "connect"]);
    expect(body.error).toEqual(expect.any(String));
    inbox = await startInbox();
  });

  test("the service itself is never reached: policy", async () => {
    const id = await subscribe();
    await sql.query("update posthorn.webhooks set url = $2 where id = $1", [
      id,
      `${service.url}/webhooks.list`,
    ]);
    const { body } = await post("webhooks.test", { id });
    expect([body.status, body.reason]).toEqual([null, "policy"]);
  });

  test("the receiver takes longer than the webhook's timeout: timeout", async () => {
    inbox.reply = () => ({ until: new Promise(() => {}) });
    const { body } = await post("webhooks.test", { id: await subscribe({ timeout_ms: 1_000 }) });
    expect([body.status, body.reason]).toEqual([null, "timeout"]);
  });

  test("the key can't be decrypted: key, and nothing is sent", async () => {
    const id = await subscribe({ signature_key: "secret" });
    const other = await subscribe({ signature_key: "secret" });
    await sql.query(
      "update posthorn.webhooks set signature_key_sealed = (select signature_key_sealed from posthorn.webhooks where id = $2) where id = $1",
      [id, other],
    );
    const { body } = await post("webhooks.test", { id });
    expect([body.status, body.reason, body.key_version]).toEqual([null, "key", null]);
    expect(inbox.requests).toHaveLength(0);
  });
});

describe("is refused, and nothing is sent:", () => {
  test("to a webhook that is unsubscribed, unknown, or another tenant's", async () => {
    const id = await subscribe();
    const foreign = await caller(service, { "X-Tenant": "stranger" })("webhooks.test", { id });
    expect([foreign.status, foreign.body.code]).toEqual([404, "webhook_not_found"]);
    await post("webhooks.unsubscribe", { id });
    const ended = await post("webhooks.test", { id });
    expect([ended.status, ended.body.code]).toEqual([409, "webhook_unsubscribed"]);
    await post("webhooks.delete", { id });
    const gone = await post("webhooks.test", { id });
    expect([gone.status, gone.body.code]).toEqual([404, "webhook_not_found"]);
    expect(inbox.requests).toHaveLength(0);
  });

  test.each([
    [{ type: "message.creatd" }, "unknown_event_type", "type"],
    [{ type: "webhook.unheard_of" }, "unknown_event_type", "type"],
    [{ type: "a\0b" }, "invalid_request", "type"],
    [{ type: "message.*" }, "invalid_request", "type"],
    [{ types: [] }, "invalid_request", "types"],
  ])("%j, with the field named", async (input, code, path) => {
    const { status, body } = await post("webhooks.test", { id: await subscribe(), ...input });
    expect([status, body.code, body.issues[0].path]).toEqual([400, code, path]);
    expect(inbox.requests).toHaveLength(0);
  });
});

describe("ten a minute for each webhook", () => {
  const makeTen = async (id: string) => {
    for (let n = 0; n < 10; n++) await post("webhooks.test", { id }).expect(200);
  };

  test("the eleventh is 429 and tells when to come again, by both faces and in every process", async () => {
    const id = await subscribe();
    await makeTen(id);
    const other = await startTestService(
      { DATABASE_URL: service.databaseUrl, POSTHORN_ADMIN_KEY: service.adminKey },
      { role: "api" },
    );
    const tenant = `tenant-${tenants}`;
    const refused = [
      await post("webhooks.test", { id }),
      await caller(other, { "X-Tenant": tenant })("webhooks.test", { id }),
    ];
    const byTrpc = await request(service.url)
      .post("/trpc/webhooks.test")
      .set({ Authorization: `Bearer ${service.adminKey}`, "X-Tenant": tenant })
      .send({ id });
    await other.stop();
    for (const { status, body } of refused)
      expect([status, body.code]).toEqual([429, "rate_limited"]);
    expect([byTrpc.status, byTrpc.body.error.data.error_code]).toEqual([429, "rate_limited"]);
    for (const { headers } of [...refused, byTrpc]) {
      const waitS = Number(headers["retry-after"]);
      expect(waitS).toBeGreaterThan(0);
      expect(waitS).toBeLessThanOrEqual(60);
    }
    expect(inbox.requests).toHaveLength(10);
    await post("webhooks.test", { id: await subscribe() }).expect(200); // another webhook has its own ten
  });

  test("twenty at once send ten", async () => {
    const id = await subscribe();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post("webhooks.test", { id })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array(10).fill(200), ...Array(10).fill(429)]);
  });

  test("each is free again a minute after it was made", async () => {
    const id = await subscribe();
    await makeTen(id);
    // Three of them a minute ago; of the others the oldest is free in some 20 s.
    await sql.query(
      `update posthorn.webhook_states set tested_at = array(
         select now() - (case when n <= 3 then 61 else 40 end) * interval '1 second' from generate_series(1, 10) as n)
       where webhook_id = (select webhook_id from posthorn.webhooks where id = $1)`,
      [id],
    );
    for (let n = 0; n < 3; n++) await post("webhooks.test", { id }).expect(200);
    const { status, headers } = await post("webhooks.test", { id });
    expect(status).toBe(429);
    expect(Number(headers["retry-after"])).toBeGreaterThan(10);
    expect(Number(headers["retry-after"])).toBeLessThanOrEqual(20);
  });
});
