// Health, holds and the service's own events, through the running service.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let sql: pg.Client;
let inbox: Inbox;
let own: Inbox; // where the service's own events go
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({ POSTHORN_HOLD_H: "1" });
  sql = await service.connect();
});
afterAll(() => service.stop());
beforeEach(async () => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  inbox = await startInbox();
  own = await startInbox();
});
afterEach(() => Promise.all([inbox.close(), own.close()]));

const TYPE = "message.created";
const subscribe = async (settings: object = {}): Promise<string> =>
  (
    await post("webhooks.subscribe", {
      url: inbox.url,
      events: ["message.*"],
      retry_schedule_s: [],
      ...settings,
    })
  ).body.id;
const hearOwn = () =>
  post("webhooks.subscribe", { url: own.url, events: ["webhook.*", "delivery.*"] });
const publish = async (payload: unknown = 1): Promise<string> =>
  (await post("events.publish", { type: TYPE, payload })).body.id;
const health = (id: string, wanted: string) =>
  until(
    async () => (await post("webhooks.info", { id })).body,
    (webhook) => webhook.health === wanted,
  );
const told = (inboxOf: Inbox) =>
  inboxOf.requests.map(
    ({ body }) => JSON.parse(body) as { type: string; payload: Record<string, unknown> },
  );

describe("health", () => {
  test("a death by the receiver's answers is failing, the next success ok; each is told once, and each death", async () => {
    await hearOwn();
    inbox.reply = () => ({ status: 500 });
    const id = await subscribe();
    const eventId = await publish();
    await health(id, "failing");
    await own.arrived(2);
    expect(told(own)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          type: "delivery.dead",
          payload: {
            webhook_id: id,
            delivery_id: expect.stringMatching(/^dlv_/),
            event_id: eventId,
            reason: "status",
          },
        }),
        expect.objectContaining({
          type: "webhook.failing",
          payload: {
            webhook_id: id,
            health: "failing",
            reason: "delivery_dead",
            disables_at: expect.any(String),
          },
        }),
      ]),
    );
    inbox.reply = () => ({});
    await publish();
    await health(id, "ok");
    // At most one change in ten minutes is told: the recovery waits for them to pass.
    await sql.query(
      "update posthorn.webhooks set announced_at = now() - interval '11 minutes' where id = $1",
      [id],
    );
    await own.arrived(3);
    expect(told(own)[2]).toMatchObject({
      type: "webhook.recovered",
      payload: { webhook_id: id, health: "ok" },
    });
  });

  test("a death by our own rules or keys does not touch it", async () => {
    const id = await subscribe();
    await post("event_types.update", { name: TYPE, schema: { type: "string" } });
    await sql.query("select posthorn.publish($1, '1', tenant => $2)", [TYPE, `tenant-${tenants}`]);
    await until(
      async () => (await post("webhooks.info", { id })).body.counters,
      (counters) => counters.dead === 1,
    );
    expect((await post("webhooks.info", { id })).body.health).toBe("ok");
  });

  test("the service's own events never cause own events", async () => {
    own.reply = () => ({ status: 500 });
    await post("webhooks.subscribe", {
      url: own.url,
      events: ["delivery.dead"],
      retry_schedule_s: [],
    });
    inbox.reply = () => ({ status: 500 });
    await subscribe();
    await publish();
    await own.arrived(1);
    const dead = await until(
      async () => (await post("deliveries.list", { status: "dead" })).body.data,
      (list) => list.length === 2,
    );
    expect(dead.map((delivery: { type: string }) => delivery.type).sort()).toEqual([
      "delivery.dead",
      TYPE,
    ]);
    const { body } = await post("events.list", { type: "delivery.dead" });
    expect(body.data).toHaveLength(1);
  });

  test("own events go only where they are named", async () => {
    inbox.reply = () => ({ status: 500 });
    const id = await subscribe({ events: [] });
    await publish();
    await health(id, "failing");
    const { body } = await post("events.list", { type: "delivery.dead" });
    const { body: list } = await post("deliveries.list", { event_id: body.data[0].id });
    expect(list.data).toEqual([]);
  });
});

describe("an answer 410", () => {
  test("disables the webhook at once and holds everything, that delivery too, until it is released", async () => {
    await hearOwn();
    inbox.reply = () => ({ status: 410 });
    const id = await subscribe({ retry_schedule_s: [1, 1] });
    const first = await publish("first");
    await health(id, "disabled");
    const later = await publish("later");
    const held = (await post("deliveries.list", { webhook_id: id })).body.data;
    expect(held.map((delivery: object) => delivery)).toEqual([
      expect.objectContaining({
        event_id: later,
        status: "pending",
        waiting_for: "disabled",
        next_attempt_at: null,
      }),
      expect.objectContaining({
        event_id: first,
        status: "pending",
        waiting_for: "disabled",
        attempts_made: 1,
      }),
    ]);
    await own.arrived(2); // the other one tells that held deliveries will be dropped
    expect(told(own)).toContainEqual(
      expect.objectContaining({
        type: "webhook.disabled",
        payload: { webhook_id: id, health: "disabled", reason: "gone" },
      }),
    );
    inbox.reply = () => ({});
    const { body: released } = await post("webhooks.update", { id, status: "Subscribed" });
    expect(released.health).toBe("failing");
    const requests = await inbox.arrived(3);
    expect(
      requests
        .slice(1)
        .map(({ headers }) => headers["webhook-id"])
        .sort(),
    ).toEqual([first, later].sort());
    await health(id, "ok");
  });

  test("a new subscribe ends the disablement too; a pause's end and other updates do not", async () => {
    inbox.reply = () => ({ status: 410 });
    const id = await subscribe({ retry_schedule_s: [60] });
    await publish();
    await health(id, "disabled");
    for (const change of [{ name: "n" }, { paused: true }, { paused: false }, { url: inbox.url }])
      expect((await post("webhooks.update", { id, ...change })).body.health).toBe("disabled");
    inbox.reply = () => ({});
    expect((await post("webhooks.subscribe", { id, url: inbox.url })).body.health).toBe("failing");
    await inbox.arrived(2);
  });
});

test("what a pending delivery waits for, and until when, is the same by the API and by SQL", async () => {
  inbox.reply = () => ({ status: 500 });
  const waits = { events: ["message.created"], retry_schedule_s: [600] };
  const paused = await subscribe(waits);
  await post("webhooks.update", { id: paused, paused: true });
  const ordered = await subscribe({ ...waits, order: "webhook" });
  await publish("first");
  await publish("second");
  await inbox.arrived(1);
  const ask = async () => {
    const { rows } = await sql.query(
      `select id, next_attempt_at, waiting_for, webhook_id from posthorn.v_deliveries
       where webhook_id = any ($1::uuid[]) and status = 'pending'`,
      [[paused, ordered]],
    );
    return rows as { id: string; next_attempt_at: Date | null; waiting_for: string | null }[];
  };
  const rows = await until(ask, (found) => found.some((row) => row.waiting_for === "retry"));
  expect(rows.map((row) => row.waiting_for).sort()).toEqual(["order", "paused", "paused", "retry"]);
  for (const { id, next_attempt_at, waiting_for } of rows) {
    const { body } = await post("deliveries.info", { id });
    expect(body).toMatchObject({ waiting_for });
    expect(next_attempt_at === null).toBe(waiting_for === "paused");
    if (waiting_for !== "order")
      expect(body.next_attempt_at).toBe(next_attempt_at?.toJSON() ?? null);
  }
});

describe("a hold", () => {
  test("longer than POSTHORN_HOLD_H ends in cancelled, announced once before", async () => {
    await hearOwn();
    const id = await subscribe();
    await post("webhooks.update", { id, paused: true });
    await publish("too long");
    await publish("not yet");
    const [, old] = (await post("deliveries.list", { webhook_id: id })).body.data;
    await own.arrived(1); // at once, the hold being shorter than a day
    expect(told(own)).toEqual([
      expect.objectContaining({
        type: "webhook.dropping",
        payload: { webhook_id: id, drops_at: expect.any(String) },
      }),
    ]);
    await sql.query(
      "update posthorn.deliveries set due_at = now() - interval '61 minutes' where posthorn.public_id('dlv', id) = $1",
      [old.id],
    );
    const list = await until(
      async () => (await post("deliveries.list", { webhook_id: id })).body.data,
      (found) => found[1].status !== "pending",
    );
    expect(list).toEqual([
      expect.objectContaining({ status: "pending" }),
      expect.objectContaining({ status: "cancelled", reason: "held_too_long", attempts_made: 0 }),
    ]);
    await post("webhooks.update", { id, paused: false });
    await inbox.arrived(1);
    expect(inbox.requests).toHaveLength(1);
  });

  test("is released slowly at first: not all that waited in the first second", async () => {
    const id = await subscribe();
    await post("webhooks.update", { id, paused: true });
    await post("events.publish_many", {
      events: Array.from({ length: 200 }, (_, n) => ({ type: TYPE, payload: n })),
    });
    await post("webhooks.update", { id, paused: false });
    await inbox.arrived(1);
    expect(inbox.requests.length).toBeLessThan(100);
    await inbox.arrived(200);
  });

  test("of a webhook whose secrets can't be decrypted can still be made, ended and listed", async () => {
    const id = await subscribe({ signature_key: "k", headers: { "X-A": "1" } });
    await sql.query(
      "update posthorn.webhooks set signature_key_sealed = '\\x01', headers_sealed = '\\x01' where id = $1",
      [id],
    );
    expect((await post("webhooks.update", { id, paused: true })).body).toMatchObject({
      paused: true,
      headers: {},
    });
    expect((await post("webhooks.list")).body.data).toHaveLength(1);
    const refused = await post("webhooks.update", { id, preset: "standard" });
    expect([refused.status, refused.body.issues[0].path]).toEqual([400, "signature_key"]);
    await post("webhooks.update", { id, signature_key: "new", headers: null, paused: false });
    await publish();
    const [request] = await inbox.arrived(1);
    expect(request?.headers["x-airy-content-signature"]).toEqual(expect.any(String));
    expect((await post("webhooks.unsubscribe", { id })).body.status).toBe("Unsubscribed");
  });
});
