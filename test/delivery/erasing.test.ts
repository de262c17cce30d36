// The erasure of events, before, while and after they are delivered.
import { createHash } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { eraseLate } from "../../src/store/erase.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let connection: Connection;
let inbox: Inbox;
let post: Call;
let tenants = 0;
let person: string; // one each: nothing of it may be left

beforeAll(async () => {
  service = await startTestService();
  connection = connect(service.databaseUrl, { name: "test", max: 10, log: silentLog });
});
afterAll(async () => {
  await connection.close();
  await service.stop();
});
beforeEach(async () => {
  person = `person-${tenants}@example.com`;
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  inbox = await startInbox(() => ({
    headers: { "X-Person": person },
    body: `thank you, ${person}`,
  }));
});
afterEach(() => inbox.close());

const rows = async (text: string, values: unknown[] = []) =>
  (await connection.pool.query(text, values)).rows;
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const event = (more: object = {}) => ({
  type: "message.created",
  payload: { mail: person },
  ...more,
});
const publish = async (more: object = {}): Promise<string> =>
  (await post("events.publish", event(more)).expect(200)).body.id;
const deliveriesOf = async (event_id: string) =>
  (await post("deliveries.list", { event_id }).expect(200)).body.data as Record<string, string>[];
const infoOf = async (id: string | undefined) =>
  (await post("deliveries.info", { id }).expect(200)).body;
/** The only delivery of an event, as soon as it is `status`. */
const ended = async (eventId: string, status: string) => {
  const found = await until(
    () => deliveriesOf(eventId),
    ([delivery]) => delivery?.["status"] === status,
  );
  return infoOf(found[0]?.["id"]);
};
/** Every row of every table that says something of the person. */
const tracesOf = async (text: string): Promise<string[]> => {
  const tables = await rows(
    "select oid::regclass::text as name from pg_class where relnamespace = 'posthorn'::regnamespace and relkind in ('r', 'p') and not relispartition",
  );
  const found: string[] = [];
  for (const { name } of tables)
    for (const row of await rows(
      `select t::text as row from ${name} as t where t::text like '%' || $1 || '%'`,
      [text],
    ))
      found.push(`${name}: ${row.row}`);
  return found;
};

describe("events.erase of what was delivered", () => {
  test("blanks the payload and the answers everywhere, and keeps ids, hashes and outcomes", async () => {
    await subscribe();
    const id = await publish();
    const before = await ended(id, "delivered");
    expect(before.attempts[0].response_body).toContain(person);
    const { body } = await post("events.erase", { id }).expect(200);
    expect(body).toMatchObject({ id, type: "message.created", payload: null });
    expect((await post("events.info", { id })).body.payload).toBeNull();
    expect((await post("events.list", { with_payload: true })).body.data[0].payload).toBeNull();
    const after = await infoOf(before.id);
    const { body: sent } = inbox.requests[0] ?? { body: "" };
    expect(after).toEqual({
      ...before,
      attempts: [
        {
          ...before.attempts[0],
          request_body: null,
          body_is: "gone",
          response_headers: {},
          response_body: "",
        },
      ],
    });
    expect(after.attempts[0].body_sha256).toBe(createHash("sha256").update(sent).digest("hex"));
    expect(await tracesOf(person)).toEqual([]);
    const [seen] = await rows("select payload from posthorn.v_events where id = $1", [id]);
    expect(seen).toEqual({ payload: null });
  });

  test("it can't be sent again: retry is 409 payload_gone, and a bulk retry leaves it out", async () => {
    inbox.reply = () => ({ status: 500 });
    const webhook_id = await subscribe({ retry_schedule_s: [] });
    const [erased, kept] = [await publish(), await publish()];
    const delivery = await ended(erased, "dead");
    await ended(kept, "dead");
    await post("events.erase", { id: erased }).expect(200);
    const { status, body } = await post("deliveries.retry", { id: delivery.id });
    expect([status, body.code]).toEqual([409, "payload_gone"]);
    const many = await post("webhooks.retry_dead", { id: webhook_id }).expect(200);
    expect(many.body.matched).toBe(1);
  });

  test("the same idempotency key answers the erased event, and stores nothing anew", async () => {
    const more = { idempotency_key: "order-1", timestamp: "2026-01-31T12:00:00Z" };
    const id = await publish(more);
    await post("events.erase", { id }).expect(200);
    const again = await post("events.publish", event(more)).expect(200);
    expect(again.body).toMatchObject({ id, duplicate: true });
    expect((await post("events.info", { id })).body.payload).toBeNull();
  });

  test("an error that quotes the payload goes too", async () => {
    await post("event_types.create", {
      name: "strict.one",
      schema: { type: "object", additionalProperties: false },
    }).expect(200);
    await subscribe();
    const [{ id }] = await rows(
      "select posthorn.publish('strict.one', $1::text, tenant => $2) as id",
      [JSON.stringify({ [person]: 1 }), `tenant-${tenants}`],
    );
    const delivery = await ended(id, "dead");
    expect(delivery.attempts[0].error).toEqual(expect.any(String));
    await post("events.erase", { id }).expect(200);
    expect((await infoOf(delivery.id)).attempts[0]).toMatchObject({
      reason: "schema",
      error: null,
    });
    expect(await tracesOf(person)).toEqual([]);
  });
});

describe("events.erase of what is pending", () => {
  test("cancels it with the reason erased, held or waiting, and nothing of it is sent", async () => {
    const held = await subscribe();
    await post("webhooks.update", { id: held, paused: true }).expect(200);
    inbox.reply = () => ({ status: 500, body: person });
    const waiting = await subscribe({ retry_schedule_s: [1] });
    const id = await publish();
    await until(
      () => deliveriesOf(id),
      (all) => all.some((delivery) => delivery["waiting_for"] === "retry"),
    );
    await post("events.erase", { id }).expect(200);
    const all = await deliveriesOf(id);
    expect(all.map(({ status, reason }) => [status, reason])).toEqual(
      Array(2).fill(["cancelled", "erased"]),
    );
    expect(await tracesOf(person)).toEqual([]);
    await post("webhooks.update", { id: held, paused: false }).expect(200);
    inbox.reply = () => ({});
    await publish({ payload: "something else" });
    const [first, ...others] = await inbox.arrived(3);
    expect(first?.body).toContain(person);
    for (const request of others) expect(request.body).not.toContain(person);
    expect(
      (await infoOf(all.find(({ webhook_id }) => webhook_id === waiting)?.["id"])).attempts_made,
    ).toBe(1);
  });

  test("an attempt that was under way is recorded without its answer", async () => {
    let answer = () => {};
    const answered = new Promise<void>((resolve) => (answer = resolve));
    inbox.reply = () => ({
      status: 500,
      headers: { "X-Person": person },
      body: person,
      until: answered,
    });
    await subscribe();
    const id = await publish();
    await inbox.arrived(1);
    await post("events.erase", { id }).expect(200);
    const [delivery] = await deliveriesOf(id);
    expect(delivery).toMatchObject({ status: "cancelled", reason: "erased", attempts_made: 0 });
    answer();
    const { attempts } = await until(
      () => infoOf(delivery?.["id"]),
      (info) => info.attempts[0]?.response_body === "",
    );
    expect(attempts).toEqual([expect.objectContaining({ status: 500, response_headers: {} })]);
    expect(await tracesOf(person)).toEqual([]);
  });

  test("a delivery that a retry was queueing meanwhile is cancelled too", async () => {
    await subscribe();
    const id = await publish();
    const delivery = await ended(id, "delivered");
    await post("events.erase", { id }).expect(200);
    await rows(
      `insert into posthorn.deliveries (state, payload_bytes, id, event_id, webhook_id, due_at, created_at, tenant, cause)
       select 1, 1, posthorn.uuid_v7(clock_timestamp(), 0), event_id, webhook_id, now() + interval '1 day', now(), tenant, 'retry'
       from posthorn.finished_deliveries where event_id = $1`,
      [id.slice(4)],
    );
    const all = await until(
      () => deliveriesOf(id),
      (found) => found.every(({ status }) => status !== "pending"),
    );
    expect(all.map(({ reason, status }) => [status, reason])).toEqual([
      ["cancelled", "erased"],
      [delivery.status, null],
    ]);
  });

  test("sixty erased while they are delivered: every one answers, none is left pending, and no answer stays", async () => {
    for (let n = 0; n < 5; n++) await subscribe();
    const { body } = await post("events.publish_many", {
      events: Array.from({ length: 60 }, () => event()),
    }).expect(200);
    const ids = (body.data as { id: string }[]).map(({ id }) => id);
    // On a busy machine some of sixty at once may be told to come again.
    const erase = async (id: string): Promise<number> => {
      const { status } = await post("events.erase", { id });
      return status === 429 ? erase(id) : status;
    };
    expect(new Set(await Promise.all(ids.map(erase)))).toEqual(new Set([200]));
    const [{ count }] = await rows("select count(*) from posthorn.deliveries where tenant = $1", [
      `tenant-${tenants}`,
    ]);
    expect(count).toBe(0);
    await until(
      () => tracesOf(person),
      (traces) => traces.length === 0,
    );
  });
});

describe("events.erase", () => {
  test("said twice is said once", async () => {
    const id = await publish();
    const first = await post("events.erase", { id }).expect(200);
    const second = await post("events.erase", { id }).expect(200);
    expect(second.body).toEqual(first.body);
  });

  test("of an unknown event, or another tenant's, is 404 event_not_found, and erases nothing", async () => {
    const id = await publish();
    const strangers = caller(service, { "X-Tenant": "strangers" });
    for (const call of [
      strangers("events.erase", { id }),
      post("events.erase", { id: `evt_${"0".repeat(32)}` }),
    ]) {
      const { status, body } = await call;
      expect([status, body.code]).toEqual([404, "event_not_found"]);
    }
    expect((await post("events.info", { id })).body.payload).toEqual({ mail: person });
  });

  test("needs a key that manages", async () => {
    const id = await publish();
    for (const [scope, status] of Object.entries({ read: 403, publish: 403, manage: 200 })) {
      const { body } = await post("keys.create", { name: "x", scope }).expect(200);
      await caller({ url: service.url, adminKey: body.key })("events.erase", { id }).expect(status);
    }
  });

  test("is looked at again seldom and seldomer, for a day, and its mark stays", async () => {
    const id = await publish();
    await post("events.erase", { id }).expect(200);
    for (const [age, next] of [
      ["1 minute", "5 seconds"],
      ["10 minutes", "1 minute"],
      ["2 hours", "15 minutes"],
      ["2 days", null],
    ]) {
      await rows(
        "update posthorn.erasures set erased_at = now() - $2::interval, look_at = now() where event_id = $1",
        [id.slice(4), age],
      );
      await eraseLate(connection.pool);
      const [mark] = await rows(
        "select look_at is null as done, look_at <= now() + $2::interval as soon from posthorn.erasures where event_id = $1",
        [id.slice(4), next],
      );
      expect([age, mark]).toEqual([
        age,
        next === null ? { done: true, soon: null } : { done: false, soon: true },
      ]);
    }
  });
});
