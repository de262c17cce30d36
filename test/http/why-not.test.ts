// Why an event did not go to a webhook, as of its publish.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

let service: TestService; // an api alone: what is held stays as it is
let sql: pg.Client;
let tenants = 0;
let tenant: string;
let post: Call;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  sql = await service.connect();
});
afterAll(() => service.stop());

const begin = () => {
  tenant = `t${++tenants}`;
  post = caller(service, { "X-Tenant": tenant });
};
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: "http://127.0.0.1:9/", ...settings }).expect(200)).body
    .id;
const publish = async (event: object = {}): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload: 1, ...event }).expect(200)).body
    .id;
const whyNot = async (id: string, more: object = {}) =>
  (await post("events.why_not", { id, ...more }).expect(200)).body;
const reasons = async (id: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await whyNot(id)).data.map((row: { webhook_id: string; reason: string }) => [
      row.webhook_id,
      row.reason,
    ]),
  );

test("each webhook that an event did not go to is told with its reason, those that got it are not", async () => {
  begin();
  const got = await subscribe();
  const otherType = await subscribe({ events: ["message.read", "contact.*"], name: "Customer Y" });
  const otherChannel = await subscribe({ channels: ["+1"] });
  const unsubscribed = await subscribe();
  await post("webhooks.unsubscribe", { id: unsubscribed }).expect(200);
  const gone = await subscribe({ events: ["message.read"] });
  const before = await subscribe();
  await post("webhooks.delete", { id: before }).expect(200);
  const id = await publish({ channel: "+2" });
  const later = await subscribe();
  await post("webhooks.delete", { id: gone }).expect(200);
  expect(await reasons(id)).toEqual({
    [otherType]: "other_type",
    [otherChannel]: "other_channel",
    [unsubscribed]: "unsubscribed",
    [gone]: "other_type",
    [later]: "subscribed_later",
  });
  const [row] = (await whyNot(id, { webhook_id: otherType })).data;
  expect(row).toEqual({
    webhook_id: otherType,
    webhook_name: "Customer Y",
    reason: "other_type",
    since: expect.stringMatching(/Z$/),
    held_until: null,
    delivery_id: null,
    now: null,
  });
  expect((await whyNot(id, { webhook_id: got })).data).toEqual([]);
  expect((await whyNot(id, { webhook_id: before })).data).toMatchObject([{ reason: "deleted" }]);
  expect((await whyNot(id, { webhook_id: gone })).data).toMatchObject([
    { reason: "other_type", now: "deleted" },
  ]);
  expect((await whyNot(id, { webhook_id: later })).data).toMatchObject([{ now: "would_match" }]);
});

test("an event is judged by the settings of its publish, and it is told what today's would do", async () => {
  begin();
  const id = await subscribe({ events: ["message.read"] });
  const first = await publish();
  await post("webhooks.update", { id, events: [], channels: ["+1"] }).expect(200);
  const second = await publish();
  await post("webhooks.update", { id, channels: [] }).expect(200);
  expect((await whyNot(first)).data).toMatchObject([{ reason: "other_type", now: "would_match" }]);
  expect((await whyNot(second)).data).toMatchObject([
    { reason: "other_channel", now: "would_match" },
  ]);
  await post("webhooks.unsubscribe", { id }).expect(200);
  expect((await whyNot(first)).data).toMatchObject([{ reason: "other_type", now: "unsubscribed" }]);
});

test("a held delivery is told with when it will be cancelled, a cancelled one with why it was", async () => {
  begin();
  const paused = await subscribe({ paused: true });
  const ended = await subscribe();
  const disabled = await subscribe();
  await sql.query("update posthorn.webhooks set health = 'disabled' where id = $1", [disabled]);
  const id = await publish();
  await post("webhooks.unsubscribe", { id: ended }).expect(200);
  const { data } = await whyNot(id);
  expect(data).toMatchObject([
    { webhook_id: disabled, reason: "disabled" },
    { webhook_id: ended, reason: "unsubscribed", held_until: null, now: null },
    { webhook_id: paused, reason: "paused", delivery_id: expect.stringMatching(/^dlv_/) },
  ]);
  expect(Date.parse(data[2].held_until) - Date.parse(data[2].since)).toBe(168 * 3_600_000);
  await post("events.erase", { id }).expect(200);
  expect((await whyNot(id, { webhook_id: paused })).data).toMatchObject([{ reason: "erased" }]);
});

test("an event of the service's own goes where it is named, and this is said of the others", async () => {
  begin();
  const all = await subscribe();
  const named = await subscribe({ events: ["webhook.*"] });
  const { rows } = await sql.query(
    `select posthorn.public_id('evt', event_id) as id
     from posthorn.store_events($1, '{webhook.failing}', '{1}', '{null}', '{null}', '{null}', true, true)`,
    [tenant],
  );
  expect(await reasons(rows[0].id)).toEqual({ [all]: "own_event_not_named" });
  expect((await whyNot(rows[0].id, { webhook_id: named })).data).toEqual([]);
});

test("a change whose commit straddles the publish is no guess: changed meanwhile", async () => {
  begin();
  const id = await subscribe({ events: ["message.read"] });
  const other = await subscribe({ events: ["message.read"] });
  // Made, and not committed yet, when the event comes: as of a request that waits for the webhook's state.
  const changing = async (webhook: string, settings: object) => {
    await sql.query("begin");
    await sql.query(
      `select from posthorn.webhook_states where webhook_id = (
         select webhook_id from posthorn.webhooks where tenant = $1 and id = $2) for update`,
      [tenant, webhook],
    );
    const update = post("webhooks.update", { id: webhook, ...settings })
      .expect(200)
      .then();
    await untilWaiting(sql);
    const event = await publish();
    await sql.query("rollback");
    await update;
    return event;
  };
  const matched = await changing(id, { events: [] });
  expect((await whyNot(matched, { webhook_id: id })).data).toMatchObject([
    { reason: "changed_meanwhile", now: "would_match" },
  ]);
  const unmatched = await changing(other, { events: [], channels: ["+1"] });
  expect((await whyNot(unmatched, { webhook_id: other })).data).toMatchObject([
    { reason: "changed_meanwhile", now: "other_channel" },
  ]);
  const after = await publish({ type: "message.sent" });
  expect((await whyNot(after, { webhook_id: other })).data).toMatchObject([
    { reason: "other_channel", now: null },
  ]);
});

test("pages go through all of them once, and what is past the history's retention is unknown", async () => {
  begin();
  const ids = [];
  for (let n = 0; n < 5; n++) ids.unshift(await subscribe({ events: ["message.read"] }));
  const id = await publish();
  const seen: string[] = [];
  for (let cursor = undefined; cursor !== null;) {
    const { data, pagination_data } = await whyNot(id, { page_size: 2, cursor });
    seen.push(...data.map(({ webhook_id }: { webhook_id: string }) => webhook_id));
    cursor = pagination_data.next_cursor;
  }
  expect(seen).toEqual(ids);
  await sql.query("delete from posthorn.webhook_changes where tenant = $1", [tenant]);
  await sql.query("delete from posthorn.event_payloads where tenant = $1", [tenant]);
  expect(Object.values(await reasons(id))).toEqual(ids.map(() => "unknown"));
});

test("another tenant's event and webhook are as unknown as those that never were", async () => {
  begin();
  const id = await publish();
  const webhook_id = await subscribe();
  begin();
  await subscribe();
  expect((await post("events.why_not", { id }).expect(404)).body.code).toBe("event_not_found");
  const own = await publish();
  const { body } = await post("events.why_not", { id: own, webhook_id }).expect(404);
  expect(body.code).toBe("webhook_not_found");
});

test("matched says how many webhooks an event was published to, by either door", async () => {
  begin();
  await subscribe();
  await subscribe({ channels: ["+1"] });
  await publish();
  await publish({ channel: "+1", idempotency_key: "k" });
  await publish({ channel: "+1", idempotency_key: "k" });
  await sql.query(
    "select posthorn.publish('message.read', '1', tenant => $1, idempotency_key => 'by sql')",
    [tenant],
  );
  const { rows } = await sql.query(
    "select idempotency_key, matched from posthorn.v_events where tenant = $1 order by id",
    [tenant],
  );
  expect(rows).toEqual([
    { idempotency_key: null, matched: 1 },
    { idempotency_key: "k", matched: 2 },
    { idempotency_key: "by sql", matched: 1 },
  ]);
});
