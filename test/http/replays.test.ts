// Replays as an integration asks for them.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({ POSTHORN_MAX_IN_FLIGHT_PER_WEBHOOK: "1" });
});
afterAll(() => service.stop());
beforeEach(async () => {
  inbox = await startInbox();
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});
afterEach(() => inbox.close());

const SINCE = new Date(Date.now() - 60_000).toISOString();
const UNKNOWN = "rpl_019c13f8d2007a1f80000000000000aa";

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const publish = async (event: object = {}): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload: 1, ...event }).expect(200)).body
    .id;
const publishMany = async (count: number): Promise<string[]> =>
  (
    await post("events.publish_many", {
      events: Array.from({ length: count }, () => ({ type: "message.created", payload: 1 })),
    }).expect(200)
  ).body.data.map(({ id }: { id: string }) => id);
const nonePending = () =>
  until(
    async () => (await post("deliveries.list", { status: "pending" })).body.data.length,
    (count) => count === 0,
  );
const arrived = () => inbox.requests.map(({ headers }) => headers["webhook-id"]);
const matched = async (id: string, input: object = {}) =>
  (await post("webhooks.replay", { id, since: SINCE, dry_run: true, ...input }).expect(200)).body
    .matched;
const done = (id: string) =>
  until(
    async () => (await post("replays.info", { id }).expect(200)).body,
    ({ status }) => status !== "running",
  );

test("sends the events of a span again, under their ids and numbers, and tells how far it is", async () => {
  const id = await subscribe();
  const ids = await publishMany(3);
  await nonePending();
  const { body } = await post("webhooks.replay", { id, since: SINCE }).expect(200);
  expect(body).toEqual({
    replay_id: expect.stringMatching(/^rpl_[0-9a-f]{32}$/),
    matched: 3,
    is_exact: true,
  });
  expect(await done(body.replay_id)).toEqual({
    id: body.replay_id,
    webhook_id: id,
    matched: 3,
    queued: 3,
    delivered: 3,
    dead: 0,
    cancelled: 0,
    left_out: { pending: 0, sent_again: 0, payload_gone: 0 },
    status: "done",
    cause: "replay",
    wanted_status: null,
    since: SINCE,
    until: expect.any(String),
    created_at: expect.any(String),
    finished_at: expect.any(String),
  });
  expect(arrived()).toEqual([...ids, ...ids]);
  const sequences = inbox.requests.map(({ headers }) => headers["webhook-sequence"]);
  expect(sequences.slice(3)).toEqual(sequences.slice(0, 3));
  const { data } = (await post("deliveries.list", { webhook_id: id })).body;
  expect(data.map(({ cause }: { cause: string }) => cause).slice(0, 3)).toEqual(
    Array(3).fill("replay"),
  );
});

test("what is published meanwhile goes first", async () => {
  const id = await subscribe();
  const old = await publishMany(60);
  await nonePending();
  const { replay_id } = (await post("webhooks.replay", { id, since: SINCE })).body;
  await inbox.arrived(65);
  let answer = () => {};
  const held = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ until: held });
  const before = inbox.requests.length;
  const live = await publishMany(20);
  answer();
  expect(await done(replay_id)).toMatchObject({ delivered: 60 });
  await nonePending();
  // What was claimed already is under way: one request, and one more that was being claimed.
  expect(arrived().slice(before, before + 22)).toEqual(expect.arrayContaining(live));
  expect(new Set(arrived()).size).toBe(old.length + live.length);
});

test("a dry run counts and queues nothing", async () => {
  const id = await subscribe();
  await publishMany(2);
  await nonePending();
  const { body } = await post("webhooks.replay", { id, since: SINCE, dry_run: true }).expect(200);
  expect(body).toEqual({ replay_id: null, matched: 2, is_exact: true });
  expect((await post("replays.list")).body.data).toEqual([]);
});

test("of a status goes by the newest delivery alone; without one by the filter of now", async () => {
  inbox.reply = (_request, number) => (number === 1 || number === 2 ? { status: 500 } : {});
  const id = await subscribe({ retry_schedule_s: [], events: ["message.created"] });
  const [, dead] = await publishMany(3); // delivered, dead, dead
  await publish({ type: "message.updated" });
  await nonePending();
  expect(await matched(id)).toBe(3);
  expect(await matched(id, { status: "delivered" })).toBe(1);
  expect(await matched(id, { status: "dead" })).toBe(2);
  const { data } = (await post("deliveries.list", { event_id: dead })).body;
  await post("deliveries.retry", { id: data[0].id }).expect(200);
  await nonePending();
  expect(await matched(id, { status: "delivered" })).toBe(2);
  expect(await matched(id, { status: "dead" })).toBe(1);
  expect(await matched(id, { status: "cancelled" })).toBe(0);
  expect(await matched(id, { status: "never" })).toBe(0);

  await post("webhooks.update", { id, events: ["message.updated"] }).expect(200);
  expect(await matched(id)).toBe(1);
  expect(await matched(id, { status: "never" })).toBe(1);
  expect(await matched(id, { status: "delivered" })).toBe(2);
  const { body } = await post("webhooks.replay", { id, since: SINCE, status: "never" });
  await done(body.replay_id);
  expect(await matched(id, { status: "never" })).toBe(0);
});

test("sends to a webhook what was published before it was there, of its channels alone", async () => {
  const [here] = [
    await publish({ channel: "a" }),
    await publish({ channel: "b" }),
    await publish(),
  ];
  const id = await subscribe({ channels: ["a"] });
  const { body } = await post("webhooks.replay", { id, since: SINCE }).expect(200);
  expect(body.matched).toBe(1);
  await done(body.replay_id);
  expect(arrived()).toEqual([here]);
});

test("takes the events from `since` on, and those before `until`", async () => {
  const id = await subscribe();
  const times: string[] = [];
  for (let n = 0; n < 3; n++) {
    const { body } = await post("events.info", { id: await publish() });
    times.push(body.created_at);
  }
  await nonePending();
  expect(await matched(id, { since: times[1] })).toBe(2);
  expect(await matched(id, { since: times[0], until: times[2] })).toBe(2);
  expect(await matched(id, { since: times[0], until: "2999-01-01T00:00:00Z" })).toBe(3);
});

test("an erased event is left out", async () => {
  const id = await subscribe();
  const [erased] = await publishMany(2);
  await nonePending();
  await post("events.erase", { id: erased }).expect(200);
  expect(await matched(id)).toBe(1);
});

describe("is refused", () => {
  test.each([
    ["a span that has not begun", { since: "2999-01-01T00:00:00Z" }, "since"],
    ["a span that ends before it begins", { until: "2020-01-01T00:00:00Z" }, "until"],
    ["a span of no time", { until: SINCE }, "until"],
    ["a status that no delivery ends in", { status: "pending" }, "status"],
    ["no time", { since: "yesterday" }, "since"],
  ])("%s, by 400", async (_what, input, path) => {
    const id = await subscribe();
    const { status, body } = await post("webhooks.replay", { id, since: SINCE, ...input });
    expect([status, body.code, body.issues[0].path]).toEqual([400, "invalid_request", path]);
  });

  test("an unsubscribed webhook, by 409", async () => {
    const id = await subscribe();
    await post("webhooks.unsubscribe", { id });
    for (const dry_run of [true, false]) {
      const { status, body } = await post("webhooks.replay", { id, since: SINCE, dry_run });
      expect([status, body.code]).toEqual([409, "webhook_unsubscribed"]);
    }
  });

  test("another tenant's webhook and replay, exactly as unknown ones", async () => {
    const id = await subscribe();
    const { replay_id } = (await post("webhooks.replay", { id, since: SINCE })).body;
    const other = caller(service, { "X-Tenant": "stranger" });
    for (const operation of ["replays.info", "replays.cancel"]) {
      const foreign = await other(operation, { id: replay_id });
      const unknown = await other(operation, { id: UNKNOWN });
      expect([foreign.status, foreign.body.code]).toEqual([404, "replay_not_found"]);
      expect(foreign.body.message.replace(replay_id, UNKNOWN)).toBe(unknown.body.message);
    }
    for (const [operation, input] of [
      ["webhooks.replay", { id, since: SINCE }],
      ["replays.list", { webhook_id: id }],
    ] as const)
      expect((await other(operation, input)).body.code).toBe("webhook_not_found");
    expect((await other("replays.list")).body.data).toEqual([]);
  });

  test("a key that may only read or publish, but for looking", async () => {
    const id = await subscribe();
    const { replay_id } = (await post("webhooks.replay", { id, since: SINCE })).body;
    const codes = async (scope: string) => {
      const tenant = `tenant-${tenants}`;
      const { key } = (await post("keys.create", { name: "k", scope, tenant }).expect(200)).body;
      const call = caller(service, { Authorization: `Bearer ${key}` });
      const answers = [
        await call("webhooks.replay", { id, since: SINCE }),
        await call("replays.cancel", { id: replay_id }),
        await call("replays.info", { id: replay_id }),
        await call("replays.list"),
      ];
      return answers.map(({ status }) => status);
    };
    expect(await codes("read")).toEqual([403, 403, 200, 200]);
    expect(await codes("publish")).toEqual([403, 403, 403, 403]);
    expect(await codes("manage")).toEqual([200, 200, 200, 200]);
  });
});

test("a replay tells what was asked of it, and when it was asked for and ended", async () => {
  const id = await subscribe();
  await publishMany(2);
  await nonePending();
  await post("webhooks.update", { id, paused: true });
  const before = new Date().toISOString();
  const asked = { since: SINCE, until: before, status: "delivered" };
  const { replay_id } = (await post("webhooks.replay", { id, ...asked })).body;
  const running = (await post("replays.info", { id: replay_id })).body;
  const { created_at } = running;
  expect(running).toMatchObject({
    since: SINCE,
    until: before,
    wanted_status: "delivered",
    cause: "replay",
  });
  expect([running.status, running.finished_at]).toEqual(["running", null]);
  await post("replays.cancel", { id: replay_id });
  const ended = await until(
    async () => (await post("replays.info", { id: replay_id })).body,
    ({ finished_at }) => finished_at !== null,
  );
  expect(ended).toMatchObject({ created_at, since: SINCE, until: before, status: "cancelled" });
  expect(Date.parse(ended.finished_at)).toBeGreaterThanOrEqual(Date.parse(created_at));
});

test("replays are listed newest first, page by page, and by webhook", async () => {
  const [id, other] = [await subscribe(), await subscribe()];
  const ids: string[] = [];
  for (const webhook of [id, other, id])
    ids.push((await post("webhooks.replay", { id: webhook, since: SINCE })).body.replay_id);
  const first = (await post("replays.list", { page_size: 2 })).body;
  const second = (
    await post("replays.list", { page_size: 2, cursor: first.pagination_data.next_cursor })
  ).body;
  expect([...first.data, ...second.data].map((replay) => replay.id)).toEqual(ids.reverse());
  const { data } = (await post("replays.list", { webhook_id: other })).body;
  expect(data).toEqual([
    expect.objectContaining({ id: ids[1], webhook_id: other, status: "done" }),
  ]);
});
