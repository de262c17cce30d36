// Deliveries as an integration reads them: what each tells by itself.
import { createHash } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";

import pg from "pg";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.stop());
beforeEach(async () => {
  inbox = await startInbox();
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});
afterEach(() => inbox.close());

type Delivery = Record<string, unknown> & { id: string; status: string };

const NEVER_AGAIN = { retry_schedule_s: [] };
const LATER = { retry_schedule_s: [3_600] };

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const publish = async (event: object = {}): Promise<string> =>
  (await post("events.publish", { type: "message.created", payload: 1, ...event }).expect(200)).body
    .id;
const list = async (filter: object = {}): Promise<Delivery[]> =>
  (await post("deliveries.list", filter).expect(200)).body.data;
const idsOf = (deliveries: Delivery[]) => deliveries.map(({ id }) => id);
/** The newest delivery, as soon as it is as wanted. */
const newest = async (isWanted: (delivery: Delivery) => boolean): Promise<Delivery> => {
  const [first] = await until(list, ([delivery]) => delivery !== undefined && isWanted(delivery));
  return first as Delivery;
};
const newestOf = async (filter: object): Promise<Delivery> => {
  const [first] = await until(
    () => list(filter),
    ({ length }) => length > 0,
  );
  return first as Delivery;
};
const runSql = async (text: string, values: unknown[]) => {
  const client = new pg.Client({ connectionString: service.databaseUrl });
  await client.connect();
  await client.query(text, values);
  await client.end();
};
const untilAttempted = (id: string | undefined) =>
  until(
    async () => (await post("deliveries.info", { id }).expect(200)).body,
    ({ attempts }) => attempts.length > 0,
  );
const ended = () => newest(({ status }) => status !== "pending");

test("a delivery tells its webhook's name, its channel, its number and its last attempt", async () => {
  await subscribe({ name: "Customer X" });
  await publish({ channel: "+15551234567" });
  expect(await ended()).toMatchObject({
    webhook_name: "Customer X",
    type: "message.created",
    channel: "+15551234567",
    sequence: 1,
    status: "delivered",
    last_attempt: {
      at: expect.any(String),
      status: 200,
      reason: null,
      duration_ms: expect.any(Number),
    },
  });
});

test("a delivery that waits, and one that was cancelled while it did, tell of the attempt that failed", async () => {
  inbox.reply = () => ({ status: 503 });
  const id = await subscribe(LATER);
  await publish();
  const failed = { status: 503, reason: "status" };
  const waiting = await newest(({ attempts_made }) => attempts_made === 1);
  expect(waiting).toMatchObject({ waiting_for: "retry", last_attempt: failed });
  await post("webhooks.unsubscribe", { id }).expect(200);
  const { last_attempt } = waiting;
  expect(await ended()).toMatchObject({ reason: "unsubscribed", last_attempt });
});

test("a delivery that was never sent has no last attempt", async () => {
  const id = await subscribe({ paused: true });
  await publish();
  const held = { last_attempt: null, sequence: null, channel: null, webhook_name: null };
  expect(await list()).toMatchObject([{ ...held, status: "pending", waiting_for: "paused" }]);
  await post("webhooks.unsubscribe", { id }).expect(200);
  expect(await ended()).toMatchObject({ ...held, status: "cancelled" });
});

test("deliveries are found by several statuses at once, and by the reason of their end", async () => {
  inbox.reply = (_, number) => ({ status: number === 0 ? 200 : 500 });
  await subscribe(NEVER_AGAIN);
  await publish();
  const delivered = await ended();
  await publish();
  const dead = await newest(({ status }) => status === "dead");
  await subscribe({ paused: true });
  await publish();
  const [, held] = await until(
    () => list({ page_size: 2 }),
    (found) => found.some(({ status }) => status === "dead"),
  ).then((found) => found.sort((a, b) => a.status.localeCompare(b.status)));
  expect(idsOf(await list({ status: "delivered" }))).toEqual([delivered.id]);
  expect(idsOf(await list({ status: ["delivered", "pending"] }))).toEqual([held?.id, delivered.id]);
  expect(idsOf(await list({ reason: "status" }))).toHaveLength(2);
  expect(idsOf(await list({ reason: "status" }))).toContain(dead.id);
  expect(await list({ reason: "tls" })).toEqual([]);
  expect(await list({ reason: "status", status: ["pending", "delivered"] })).toEqual([]);
});

test("filters are taken together, and one that can't be is named", async () => {
  inbox.reply = () => ({ status: 404 });
  const webhook_id = await subscribe(NEVER_AGAIN);
  await publish({ channel: "+1" });
  const { id, sequence } = await ended();
  const all = {
    ...{ webhook_id, status: "dead", type: "message.*", channel: "+1", reason: "status" },
    ...{ response_status: "404", cause: "publish", sequence, oldest_first: true },
  };
  expect(idsOf(await list(all))).toEqual([id]);
  expect(idsOf(await list({ response_status: "4xx" }))).toEqual([id]);
  for (const other of [
    { channel: "+2" },
    { type: "message.read" },
    { response_status: "5xx" },
    { cause: "retry" },
    { sequence: 2 },
  ])
    expect(await list({ ...all, ...other })).toEqual([]);
  for (const [field, value] of Object.entries({
    status: ["done"],
    reason: "bored",
    response_status: "600",
    cause: "boredom",
    sequence: 1,
    type: "no.such.type",
  })) {
    const { body } = await post("deliveries.list", { [field]: value }).expect(400);
    expect(body.issues[0].path).toMatch(new RegExp(`^${field}`));
  }
  const { body } = await post("deliveries.list", { status: Array(5).fill("dead") }).expect(400);
  expect(body.message).toBe("status: must have at most 4 entries, found 5");
});

test("a cursor goes on under the filters that it was given out for, and under no others", async () => {
  await subscribe();
  for (let n = 0; n < 3; n++) await publish();
  const page = (input: object) => post("deliveries.list", { page_size: 2, ...input });
  const first = (await page({ status: ["pending", "delivered"] }).expect(200)).body;
  const cursor = first.pagination_data.next_cursor;
  expect(first.data).toHaveLength(2);
  const rest = await page({ status: ["delivered", "pending"], cursor }).expect(200);
  expect(rest.body.data).toHaveLength(1);
  const { body } = await page({ status: "dead", cursor }).expect(400);
  expect(body).toMatchObject({ code: "invalid_cursor", issues: [{ path: "cursor" }] });
});

test("a delivery that is cancelled is never sent, and saying it twice is saying it once", async () => {
  await subscribe({ paused: true });
  await publish();
  const [held] = await list();
  const { body } = await post("deliveries.cancel", { id: held?.id }).expect(200);
  expect(body).toMatchObject({ id: held?.id, status: "cancelled", reason: "cancelled" });
  expect((await post("deliveries.cancel", { id: held?.id }).expect(200)).body).toEqual(body);
  expect(inbox.requests).toEqual([]);
});

test("a delivery that is cancelled in flight stays cancelled, and is not tried again", async () => {
  let answer = () => {};
  const until = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ status: 500, until });
  await subscribe({ retry_schedule_s: [1] });
  await publish();
  await inbox.arrived(1);
  const [inFlight] = await list();
  await post("deliveries.cancel", { id: inFlight?.id }).expect(200);
  answer();
  const attempted = await untilAttempted(inFlight?.id);
  expect(attempted).toMatchObject({ status: "cancelled", attempts: [{ status: 500 }] });
  // What is published later goes its way, behind which a second try would have come.
  inbox.reply = () => ({});
  await publish();
  await newest(({ status }) => status === "delivered");
  expect(await list({ status: "pending" })).toEqual([]);
  expect(inbox.requests).toHaveLength(2);
});

test("a delivery that has ended can't be cancelled, nor one that another tenant has", async () => {
  await subscribe();
  await publish();
  const { id } = await ended();
  const { body } = await post("deliveries.cancel", { id }).expect(409);
  expect(body).toMatchObject({ code: "delivery_finished", message: expect.stringContaining(id) });
  expect(await list({ status: "delivered" })).toHaveLength(1);
  const other = caller(service, { "X-Tenant": "another" });
  await other("deliveries.cancel", { id }).expect(404);
});

test("all that a webhook has pending is cancelled at once, and what comes later is delivered", async () => {
  inbox.reply = () => ({ status: 503 });
  const id = await subscribe(LATER);
  const other = await subscribe({ paused: true });
  for (let n = 0; n < 3; n++) await publish();
  const isWaiting = ({ waiting_for }: Delivery) => waiting_for === "retry";
  await until(
    () => list({ webhook_id: id }),
    (found) => found.length === 3 && found.every(isWaiting),
  );
  const counted = await post("webhooks.cancel_pending", { id, dry_run: true }).expect(200);
  expect(counted.body).toEqual({ matched: 3 });
  expect(await list({ webhook_id: id, status: "pending" })).toHaveLength(3);
  await post("webhooks.cancel_pending", { id }).expect(200, { matched: 3 });
  const cancelled = await until(
    () => list({ webhook_id: id, reason: "cancelled" }),
    (found) => found.length === 3,
  );
  expect(cancelled.every(({ last_attempt }) => last_attempt !== null)).toBe(true);
  inbox.reply = () => ({});
  await publish();
  await until(
    () => list({ webhook_id: id, status: "delivered" }),
    (found) => found.length === 1,
  );
  expect(await list({ webhook_id: other, status: "pending" })).toHaveLength(4);
});

test("an attempt shows the very text that was sent, and a delivery all others of its event and webhook", async () => {
  inbox.reply = (_, number) => ({ status: number === 0 ? 500 : 200 });
  await subscribe({ preset: "standard", ...NEVER_AGAIN });
  await subscribe({ paused: true });
  await publish({ payload: { text: "Grüße, \u2028 9007199254740993" } });
  const dead = await newestOf({ status: "dead" });
  await post("deliveries.retry", { id: dead.id }).expect(200);
  const delivered = await newestOf({ status: "delivered" });
  await publish(); // of another event: no sibling
  const { body } = await post("deliveries.info", { id: dead.id }).expect(200);
  const sent = inbox.requests[0]?.body ?? "";
  expect(body.attempts).toMatchObject([
    {
      request_body: sent,
      body_is: "as_sent",
      body_sha256: createHash("sha256").update(sent).digest("hex"),
    },
  ]);
  expect(idsOf(body.siblings)).toEqual([delivered.id, dead.id]);
  expect(body.siblings_left_out).toBe(false);
});

test("what an attempt sent is gone with the payload, and is told apart from what was only rebuilt", async () => {
  const id = await subscribe();
  const event = await publish();
  const delivered = await ended();
  const attempt = async () =>
    (await post("deliveries.info", { id: delivered.id }).expect(200)).body.attempts[0];
  await runSql(
    "update posthorn.attempts set body_sha256 = sha256('another') where webhook_id in (select webhook_id from posthorn.webhooks where id = $1)",
    [id],
  );
  expect(await attempt()).toMatchObject({
    body_is: "rebuilt",
    request_body: inbox.requests[0]?.body,
  });
  await post("events.erase", { id: event }).expect(200);
  expect(await attempt()).toMatchObject({ body_is: "gone", request_body: null });
});

test("attempts that sent much fill one answer of some 4 MiB, the newest of them", async () => {
  inbox.reply = () => ({ status: 500 });
  const id = await subscribe(LATER);
  await publish({ payload: "x".repeat(250 * 1024) });
  const first = await newest(({ attempts_made }) => attempts_made === 1);
  await runSql(
    `insert into posthorn.attempts
     select (a).* from (
       select jsonb_populate_record(a, jsonb_build_object('number', n, 'id', posthorn.uuid_v7(a.at + n * interval '1 ms', 0))) as a
       from posthorn.attempts as a, generate_series(2, 30) as n
       where a.webhook_id in (select webhook_id from posthorn.webhooks where id = $1)
     ) as more`,
    [id],
  );
  const answer = await post("deliveries.info", { id: first.id }).expect(200);
  expect(answer.text.length).toBeLessThan(4.5 * 1024 * 1024);
  expect(answer.body.attempts_left_out).toBe(true);
  expect(answer.body.attempts.at(-1)).toMatchObject({ number: 30, body_is: "as_sent" });
  expect(answer.body.attempts.length).toBeGreaterThan(12);
});
