// What a text stands for, in one call: an id, a key, a name, a channel, a type.
import { afterAll, beforeAll, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const NAME = "<script>alert(1)</script>";
const TYPE = "message.created";
const KEY = "order-4711";

let service: TestService;
let inbox: Inbox;
let post: Call;
const ids = { webhook: "", event: "", delivery: "", attempt: "", replay: "", key: "" };

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox();
  post = caller(service, { "X-Tenant": "acme" });
  ids.webhook = (
    await post("webhooks.subscribe", {
      url: `${inbox.url}hooks/Here`,
      name: NAME,
      external_id: "customer-1",
    }).expect(200)
  ).body.id;
  const event = { type: TYPE, payload: 1, channel: "+1555", idempotency_key: KEY };
  ids.event = (await post("events.publish", event).expect(200)).body.id;
  const delivered = await until(
    async () => (await post("deliveries.list", { status: "delivered" }).expect(200)).body.data,
    ({ length }) => length === 1,
  );
  ids.delivery = delivered[0].id;
  const { body } = await post("deliveries.info", { id: ids.delivery }).expect(200);
  ids.attempt = body.attempts[0].id;
  const since = new Date(Date.now() - 60_000).toISOString();
  const replay = await post("webhooks.replay", { id: ids.webhook, since }).expect(200);
  ids.replay = replay.body.replay_id;
  ids.key = (await post("keys.create", { name: "mine", scope: "read" }).expect(200)).body.id;
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
});

const found = async (q: string, by = post) => (await by("find", { q }).expect(200)).body.data;
const none = { webhook_id: null, event_id: null, delivery_id: null };
const EVERYTHING = () => [...Object.values(ids), KEY, NAME, "customer-1", "hooks/here", "+1555"];

test("each kind of id says what it is, and of which webhook and event", async () => {
  const ofBoth = { webhook_id: ids.webhook, event_id: ids.event };
  expect(await found(ids.event)).toEqual([{ ...none, kind: "event", id: ids.event, label: TYPE }]);
  expect(await found(ids.delivery)).toEqual([
    { ...none, ...ofBoth, kind: "delivery", id: ids.delivery, label: TYPE },
  ]);
  expect(await found(ids.attempt)).toEqual([
    { ...ofBoth, kind: "attempt", id: ids.attempt, label: TYPE, delivery_id: ids.delivery },
  ]);
  expect(await found(ids.replay)).toEqual([
    { ...none, kind: "replay", id: ids.replay, label: null, webhook_id: ids.webhook },
  ]);
  expect(await found(ids.key)).toEqual([{ ...none, kind: "key", id: ids.key, label: "mine" }]);
});

test("an idempotency key leads to its event, and a name, URL, external id or id to the webhook", async () => {
  expect(await found(KEY)).toMatchObject([{ kind: "event", id: ids.event }]);
  const webhook = [{ ...none, kind: "webhook", id: ids.webhook, label: NAME }];
  for (const q of [NAME, "hooks/here", "customer-1", ids.webhook, ` ${ids.webhook} `])
    expect([q, await found(q)]).toEqual([q, webhook]);
});

test("what is an id stands for nothing else, though a channel is called so", async () => {
  const channels = Object.values(ids);
  const { body } = await post("webhooks.subscribe", { url: inbox.url, channels }).expect(200);
  for (const id of channels) expect([id, await found(id)]).toMatchObject([id, [{ id }]]);
  await post("webhooks.delete", { id: body.id }).expect(200);
});

test("a channel and a type are found, the type that is meant before those that hold it", async () => {
  expect(await found("+1555")).toEqual([{ ...none, kind: "channel", id: "+1555", label: "+1555" }]);
  const types = (await found("message.read")).map(({ id }: { id: string }) => id);
  expect(types[0]).toBe("message.read");
  expect((await found("nothing at all")).length).toBe(0);
});

test("an answer full of script is text", async () => {
  const { headers, body } = await post("find", { q: NAME }).expect(200);
  expect(headers["content-type"]).toMatch(/^application\/json/);
  expect(headers["x-content-type-options"]).toBe("nosniff");
  expect(body.data[0].label).toBe(NAME);
});

test("nothing of another tenant is found, by an admin's key or its own", async () => {
  const admin = caller(service, { "X-Tenant": "other" });
  const { body } = await admin("keys.create", { name: "x", scope: "manage" }).expect(200);
  for (const by of [admin, caller({ ...service, adminKey: body.key })])
    for (const q of EVERYTHING()) expect([q, await found(q, by)]).toEqual([q, []]);
});

test("keys are found by admins alone, and a key to publish finds nothing", async () => {
  for (const scope of ["read", "manage"]) {
    const { body } = await post("keys.create", { name: "x", scope }).expect(200);
    const own = caller({ ...service, adminKey: body.key });
    expect(await found(ids.key, own)).toEqual([]);
    expect(await found(ids.event, own)).toHaveLength(1);
  }
  const { body } = await post("keys.create", { name: "x", scope: "publish" }).expect(200);
  await caller({ ...service, adminKey: body.key })("find", { q: ids.event }).expect(403);
});

test.each([{}, { q: "" }, { q: "  " }, { q: 1 }, { q: "x".repeat(2_049) }, { q: "a", kind: "b" }])(
  "what can't be looked for is refused: %#",
  async (input) => {
    await post("find", input).expect(400);
  },
);
