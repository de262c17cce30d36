// From a published event to what a receiver sees, through the running service.
import { createHash, createHmac } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type pg from "pg";

import { VERSION } from "../../src/kernel/version.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let post: Call;
let sql: pg.Client;
let inbox: Inbox;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService();
  sql = await service.connect();
});
afterAll(() => service.stop());
// Each test in a tenant of its own, which the service has never heard of.
beforeEach(async () => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  inbox = await startInbox();
});
afterEach(() => inbox.close());

const TYPE = "message.created";
const tenant = () => `tenant-${tenants}`;
const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings })).body.id;
const publish = async (event: object = {}): Promise<string> =>
  (await post("events.publish", { type: TYPE, payload: { n: 1 }, ...event })).body.id;
type Delivery = {
  id: string;
  status: string;
  type: string;
  reason: string | null;
  attempts_made: number;
  waiting_for: string | null;
  next_attempt_at: string | null;
  event_id: string;
};
const deliveries = async (filter: object = {}): Promise<Delivery[]> =>
  (await post("deliveries.list", filter)).body.data;
const finished = (count = 1) =>
  until(deliveries, (found) => found.filter(({ status }) => status !== "pending").length === count);
const attemptsOf = async (id: string) => (await post("deliveries.info", { id })).body.attempts;

describe("a published event", () => {
  test("arrives as one signed POST in the preset's form, byte for byte, with the contract's headers", async () => {
    await subscribe({ signature_key: "secret", headers: { "X-Custom": "yes" } });
    const id = await publish({
      timestamp: "2020-10-25T21:24:54.560Z",
      payload: { b: 1, a: "Grüße" },
    });
    const [request] = await inbox.arrived(1);
    const body =
      '{"type":"message.created","timestamp":1603661094560,"payload":{"b":1,"a":"Grüße"}}';
    expect(request?.body).toBe(body);
    expect(request?.headers).toEqual({
      host: expect.any(String),
      connection: "keep-alive",
      "content-type": "application/json",
      "content-length": String(Buffer.byteLength(body)),
      "user-agent": `Posthorn/${VERSION}`,
      "webhook-id": id,
      "webhook-timestamp": expect.stringMatching(/^\d{10}$/),
      "webhook-attempt": "1",
      "webhook-sequence": "1",
      "x-airy-content-signature": createHmac("sha256", "secret").update(body).digest("hex"),
      "x-custom": "yes",
    });
    const [delivery] = await finished();
    expect(delivery).toMatchObject({
      status: "delivered",
      attempts_made: 1,
      event_id: id,
      reason: null,
    });
    expect(await attemptsOf(delivery?.id ?? "")).toEqual([
      {
        id: expect.stringMatching(/^att_/),
        number: 1,
        at: expect.any(String),
        resent_at: null,
        duration_ms: expect.any(Number),
        worker: expect.any(String),
        url: inbox.url,
        address: "127.0.0.1",
        request_headers: expect.objectContaining({
          "X-Custom": "********",
          "Webhook-Id": id,
          "X-Airy-Content-Signature": "********",
        }),
        request_body: body,
        body_is: "as_sent",
        body_sha256: createHash("sha256").update(body).digest("hex"),
        key_version: 1,
        status: 200,
        response_headers: expect.objectContaining({ "transfer-encoding": "chunked" }),
        response_body: "ok",
        reason: null,
        error: null,
      },
    ]);
  });

  test("is sent with the webhook's own Content-Type and User-Agent where it has them, each once", async () => {
    await subscribe({
      headers: { "content-type": "application/vnd.x+json", "USER-AGENT": "mine" },
    });
    await publish();
    const [request] = await inbox.arrived(1);
    expect(request?.headers).toMatchObject({
      "content-type": "application/vnd.x+json",
      "user-agent": "mine",
    });
  });

  test("goes to every webhook that matches it by type, prefix and channel, and to no other tenant's", async () => {
    const wanted = await Promise.all([
      subscribe(),
      subscribe({ events: [TYPE] }),
      subscribe({ events: ["message.*"] }),
      subscribe({ channels: ["+1"] }),
      subscribe({ events: ["message.sent", TYPE], channels: ["+1", "+2"] }),
      subscribe({ events: [TYPE, "message.*"] }),
    ]);
    await subscribe({ events: ["message.sent"] });
    await subscribe({ channels: ["+2"] });
    const unsubscribed = await subscribe();
    await post("webhooks.unsubscribe", { id: unsubscribed });
    await caller(service, { "X-Tenant": "stranger" })("webhooks.subscribe", { url: inbox.url });
    const { body } = await post("events.publish", { type: TYPE, payload: 1, channel: "+1" });
    expect(body.deliveries).toBe(wanted.length);
    const { body: list } = await post("deliveries.list", { event_id: body.id, page_size: 50 });
    expect(list.data.map((delivery: { webhook_id: string }) => delivery.webhook_id).sort()).toEqual(
      [...wanted].sort(),
    );
  });

  test("without a channel passes by the webhooks that name one", async () => {
    await subscribe({ channels: ["+1"] });
    expect((await post("events.publish", { type: TYPE, payload: 1 })).body.deliveries).toBe(0);
  });

  test("that was published before a subscribe does not go to it", async () => {
    await publish();
    await subscribe();
    const later = await publish();
    const [request] = await inbox.arrived(1);
    expect(request?.headers["webhook-id"]).toBe(later);
  });
});

describe("what is shown of an attempt's request", () => {
  test.each<[string, Record<string, string>]>([
    ["without headers of the webhook's own", {}],
    ["with some that replace ours", { "user-agent": "us/1", "CONTENT-TYPE": "text/plain" }],
  ])("has each header that was sent, and no other: %s", async (_, headers) => {
    await subscribe({ headers, signature_key: "secret" });
    await publish();
    const [request] = await inbox.arrived(1);
    const [delivery] = await finished();
    const shown = (await attemptsOf(delivery?.id ?? ""))[0].request_headers as object;
    const names = Object.keys(shown).map((name) => name.toLowerCase());
    const ofTheConnection = ["host", "connection", "content-length"];
    const sent = Object.keys(request?.headers ?? {}).filter(
      (name) => !ofTheConnection.includes(name),
    );
    expect(names.sort()).toEqual(sent.sort());
    if (!("user-agent" in headers))
      expect(shown).toMatchObject({ "User-Agent": request?.headers["user-agent"] });
  });
});

describe("an event published by SQL", () => {
  test("arrives once its transaction commits; one that was rolled back never does", async () => {
    await subscribe();
    await sql.query("begin");
    await sql.query(`select posthorn.publish($1, '{"n": "rolled back"}', tenant => $2)`, [
      TYPE,
      tenant(),
    ]);
    await sql.query("rollback");
    await sql.query("begin");
    const { rows } = await sql.query(
      `select posthorn.publish($1, '{"n":  "kept as it is"}', tenant => $2) as id`,
      [TYPE, tenant()],
    );
    await sql.query("commit");
    const [request] = await inbox.arrived(1);
    expect(request?.headers["webhook-id"]).toBe(rows[0].id);
    expect(request?.body).toMatch(/"payload":\{"n": {2}"kept as it is"\}\}$/);
    expect(await deliveries()).toHaveLength(1);
  });

  test("is delivered however late its transaction commits, while newer ones have long been sent", async () => {
    await subscribe();
    await sql.query("begin");
    const { rows } = await sql.query("select posthorn.publish($1, '1', tenant => $2) as id", [
      TYPE,
      tenant(),
    ]);
    const newer = await publish();
    expect((await inbox.arrived(1))[0]?.headers["webhook-id"]).toBe(newer);
    await sql.query("commit");
    expect((await inbox.arrived(2))[1]?.headers["webhook-id"]).toBe(rows[0].id);
  });

  test("and not fitting an enforced schema is stored, and its deliveries are dead at once, which is told", async () => {
    await subscribe();
    const own = await startInbox();
    await subscribe({ url: own.url, events: ["delivery.dead"] });
    await post("event_types.update", { name: TYPE, schema: { type: "object", required: ["id"] } });
    await sql.query(`select posthorn.publish($1, '{"no": "id"}', tenant => $2)`, [TYPE, tenant()]);
    await sql.query(`select posthorn.publish($1, '{"id": 1}', tenant => $2)`, [TYPE, tenant()]);
    const [told] = await own.arrived(1);
    const found = (await finished(3)).filter(
      ({ reason, type }) => reason !== null || type === TYPE,
    );
    expect(found.map(({ status, reason }) => [status, reason])).toEqual([
      ["delivered", null],
      ["dead", "schema"],
    ]);
    const [dead] = found.filter(({ status }) => status === "dead");
    expect((await attemptsOf(dead?.id ?? ""))[0].error).toContain("id");
    expect(inbox.requests).toHaveLength(1);
    expect(JSON.parse(told?.body ?? "").payload).toMatchObject({
      delivery_id: dead?.id,
      event_id: dead?.event_id,
      reason: "schema",
    });
    await own.close();
  });
});

describe("a failed attempt", () => {
  test("is repeated after its wait with the same id, until one succeeds", async () => {
    inbox.reply = (_request, number) => (number < 2 ? { status: 500, body: "later" } : {});
    await subscribe({ retry_schedule_s: [1, 1] });
    const id = await publish();
    const requests = await inbox.arrived(3);
    expect(
      requests.map(({ headers }) => [headers["webhook-id"], headers["webhook-attempt"]]),
    ).toEqual([
      [id, "1"],
      [id, "2"],
      [id, "3"],
    ]);
    const [delivery] = await finished();
    expect(delivery).toMatchObject({ status: "delivered", attempts_made: 3 });
    const attempts = await attemptsOf(delivery?.id ?? "");
    expect(
      attempts.map((attempt: { status: number; reason: string; response_body: string }) => [
        attempt.status,
        attempt.reason,
        attempt.response_body,
      ]),
    ).toEqual([
      [500, "status", "later"],
      [500, "status", "later"],
      [200, null, "ok"],
    ]);
  });

  test("after the last wait is the end: dead, with the reason, and counted", async () => {
    inbox.reply = () => ({ status: 400 });
    const id = await subscribe({ retry_schedule_s: [] });
    await publish();
    expect(await finished()).toEqual([
      expect.objectContaining({ status: "dead", reason: "status", attempts_made: 1 }),
    ]);
    const { body } = await post("webhooks.info", { id });
    expect(body.counters).toEqual({
      delivered: 0,
      dead: 1,
      pending: 0,
      last_success_at: null,
      last_failure_at: expect.any(String),
    });
  });

  test("shows in between what it waits for, and until when", async () => {
    inbox.reply = () => ({ status: 503 });
    await subscribe();
    await publish();
    const [waiting] = await until(deliveries, ([delivery]) => delivery?.attempts_made === 1);
    expect(waiting).toMatchObject({
      status: "pending",
      waiting_for: "retry",
      next_attempt_at: expect.any(String),
    });
  });

  test.each([
    ["redirect", () => ({ status: 302, headers: { location: "http://127.0.0.1:1/" } })],
    ["status", () => ({ status: 404 })],
  ])("says why: %s", async (reason, reply) => {
    inbox.reply = reply;
    await subscribe({ retry_schedule_s: [] });
    await publish();
    expect((await finished())[0]).toMatchObject({ status: "dead", reason });
    expect(inbox.requests).toHaveLength(1);
  });

  test.each([
    ["connect", "http://127.0.0.1:1/"],
    ["dns", "http://no-such-name.invalid/"],
  ])("says why: %s", async (reason, url) => {
    await subscribe({ url, retry_schedule_s: [] });
    await publish();
    expect((await finished())[0]).toMatchObject({ status: "dead", reason });
  });

  test("to the service's own address is refused by policy", async () => {
    await sql.query(
      "update posthorn.webhooks set url = $1, version = gen_random_uuid() where id = $2",
      [`${service.url}/healthz`, await subscribe({ retry_schedule_s: [] })],
    );
    await publish();
    expect((await finished())[0]).toMatchObject({ status: "dead", reason: "policy" });
  });

  test("ends in time against a receiver that never answers", async () => {
    inbox.reply = () => ({ until: new Promise(() => {}) });
    await subscribe({ retry_schedule_s: [], timeout_ms: 1_000 });
    await publish();
    expect((await finished())[0]).toMatchObject({ status: "dead", reason: "timeout" });
  });

  test("with Retry-After makes the whole webhook wait", async () => {
    const arrivedAt: number[] = [];
    inbox.reply = (_request, number) => {
      arrivedAt.push(performance.now());
      return number === 0 ? { status: 429, headers: { "retry-after": "8" } } : {};
    };
    await subscribe({ retry_schedule_s: [1] });
    await publish();
    await inbox.arrived(1);
    await until(deliveries, ([delivery]) => delivery?.attempts_made === 1);
    await publish();
    const second = (await deliveries())[0];
    expect(second).toMatchObject({ attempts_made: 0, waiting_for: "retry" });
    await inbox.arrived(3);
    const [first = Infinity, ...later] = arrivedAt;
    expect(Math.min(...later) - first).toBeGreaterThan(7_600);
  });

  test.each([
    { schedule: 3_600, retryAfter: 60 },
    { schedule: 60, retryAfter: 3_600 },
  ])(
    "waits for the longer of its own wait and Retry-After: $schedule s and $retryAfter s",
    async ({ schedule, retryAfter }) => {
      inbox.reply = () => ({ status: 503, headers: { "retry-after": String(retryAfter) } });
      await subscribe({ retry_schedule_s: [schedule] });
      await publish();
      const [delivery] = await until(deliveries, ([first]) => first?.attempts_made === 1);
      expect(delivery).toMatchObject({ status: "pending", waiting_for: "retry" });
      const waitS = (Date.parse(delivery?.next_attempt_at ?? "") - Date.now()) / 1_000;
      expect(waitS).toBeGreaterThan(3_600 * 0.89);
      expect(waitS).toBeLessThan(3_600 * 1.11);
    },
  );

  test("is recorded with each header of its answer, whatever its name", async () => {
    inbox.reply = () => ({
      status: 500,
      headers: JSON.parse('{"__proto__":"one","constructor":"two","x-three":"three"}'),
    });
    await subscribe({ retry_schedule_s: [], headers: { Authorization: "Bearer of the webhook" } });
    await publish();
    const [delivery] = await finished();
    const { response_headers: headers } = (await attemptsOf(delivery?.id ?? ""))[0];
    expect(Object.entries(headers)).toEqual(
      expect.arrayContaining([
        ["__proto__", "one"],
        ["constructor", "two"],
        ["x-three", "three"],
      ]),
    );
  });

  test("whose answer is binary, with NULs, is recorded all the same", async () => {
    inbox.reply = () => ({ status: 500, body: "\0\u0001binary" });
    await subscribe({ retry_schedule_s: [] });
    await publish();
    const [delivery] = await finished();
    expect((await attemptsOf(delivery?.id ?? ""))[0].response_body).toBe("\uFFFD\u0001binary");
  });

  test("because its URL can't be read fails alone, visibly", async () => {
    const broken = await subscribe({ retry_schedule_s: [] });
    await subscribe();
    await sql.query(
      "update posthorn.webhooks set url = '//:', version = gen_random_uuid() where id = $1",
      [broken],
    );
    await publish();
    const found = await finished(2);
    expect(found.map(({ status, reason }) => `${status} ${reason}`).sort()).toEqual([
      "dead policy",
      "delivered null",
    ]);
  });

  test("because its key can't be decrypted fails alone, visibly", async () => {
    const broken = await subscribe({ signature_key: "k", retry_schedule_s: [] });
    const sound = await subscribe({ signature_key: "k" });
    await sql.query(
      "update posthorn.webhooks set signature_key_sealed = (select signature_key_sealed from posthorn.webhooks where id = $2), version = gen_random_uuid() where id = $1",
      [broken, sound],
    );
    await publish();
    const found = await finished(2);
    expect(found.map(({ status, reason }) => `${status} ${reason}`).sort()).toEqual([
      "dead key",
      "delivered null",
    ]);
  });
});

describe("while deliveries are pending", () => {
  test("an unsubscribe cancels them, and nothing comes any more", async () => {
    inbox.reply = () => ({ status: 500 });
    const id = await subscribe({ retry_schedule_s: [4, 1, 1] });
    await publish();
    await inbox.arrived(1);
    await until(deliveries, ([delivery]) => delivery?.attempts_made === 1);
    await post("webhooks.unsubscribe", { id });
    expect(await finished()).toEqual([
      expect.objectContaining({ status: "cancelled", reason: "unsubscribed" }),
    ]);
    // A second webhook's delivery comes later than the cancelled one would have.
    await subscribe({ retry_schedule_s: [5] });
    await publish();
    await inbox.arrived(3);
    expect(inbox.requests).toHaveLength(3);
  });

  test("a delete cancels them too, and they stay readable", async () => {
    inbox.reply = () => ({ status: 500 });
    const id = await subscribe();
    await publish();
    await until(deliveries, ([delivery]) => delivery?.attempts_made === 1);
    await post("webhooks.delete", { id });
    const [delivery] = await finished();
    expect(delivery).toMatchObject({ status: "cancelled", reason: "deleted", webhook_id: id });
    expect(await attemptsOf(delivery?.id ?? "")).toHaveLength(1);
  });

  test("an update holds from the next attempt on", async () => {
    let answer = () => {};
    const updated = new Promise<void>((resolve) => (answer = resolve));
    inbox.reply = () => ({ status: 500, until: updated });
    const other = await startInbox();
    const id = await subscribe({ retry_schedule_s: [1] });
    await publish();
    await inbox.arrived(1);
    await post("webhooks.update", { id, url: other.url, signature_key: "new" });
    answer();
    const [request] = await other.arrived(1);
    expect(request?.headers["webhook-attempt"]).toBe("2");
    expect(request?.headers["x-airy-content-signature"]).toEqual(expect.any(String));
    expect(inbox.requests).toHaveLength(1);
    await other.close();
  });

  test("a pause holds them, and its end releases them in order", async () => {
    const id = await subscribe({ paused: undefined });
    await post("webhooks.update", { id, paused: true });
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push(await publish({ payload: n }));
    expect(await deliveries()).toEqual(
      Array(5).fill(
        expect.objectContaining({
          status: "pending",
          waiting_for: "paused",
          next_attempt_at: null,
        }),
      ),
    );
    expect(inbox.requests).toHaveLength(0);
    await post("webhooks.update", { id, paused: false });
    const requests = await inbox.arrived(5);
    expect(requests.map(({ headers }) => headers["webhook-id"]).sort()).toEqual(ids);
  });

  test("rows that a late commit left behind under an ended or paused webhook are put right", async () => {
    const ended = await subscribe();
    const paused = await subscribe();
    await sql.query("begin");
    await sql.query("select posthorn.publish($1, '1', tenant => $2)", [TYPE, tenant()]);
    await post("webhooks.unsubscribe", { id: ended });
    await post("webhooks.update", { id: paused, paused: true });
    await sql.query("commit");
    expect(await finished()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ status: "cancelled", webhook_id: ended }),
        expect.objectContaining({ status: "pending", waiting_for: "paused" }),
      ]),
    );
    await post("webhooks.update", { id: paused, paused: false });
    await inbox.arrived(1);
  });
});

describe("deliveries.retry", () => {
  test("of a dead delivery makes a new one with the same Webhook-Id and leaves the old as it is", async () => {
    inbox.reply = (_request, number) => (number === 0 ? { status: 500 } : {});
    await subscribe({ retry_schedule_s: [] });
    const id = await publish();
    const [dead] = await finished();
    const { body } = await post("deliveries.retry", { id: dead?.id });
    expect(body).toMatchObject({ cause: "retry", event_id: id });
    expect(body.id).not.toBe(dead?.id);
    const requests = await inbox.arrived(2);
    expect(
      requests.map(({ headers }) => [headers["webhook-id"], headers["webhook-attempt"]]),
    ).toEqual([
      [id, "1"],
      [id, "1"],
    ]);
    const found = await finished(2);
    expect(found.map(({ status }) => status)).toEqual(["delivered", "dead"]);
  });

  test("pressed twenty times at once sends once", async () => {
    inbox.reply = (_request, number) => (number === 0 ? { status: 500 } : {});
    const id = await subscribe({ retry_schedule_s: [] });
    await publish();
    const [dead] = await finished();
    await post("webhooks.update", { id, paused: true }); // so that none finishes meanwhile
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post("deliveries.retry", { id: dead?.id })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
  });

  test("of a waiting delivery makes it due now", async () => {
    inbox.reply = (_request, number) => (number === 0 ? { status: 500 } : {});
    await subscribe({ retry_schedule_s: [3_600] });
    await publish();
    const [waiting] = await until(deliveries, ([delivery]) => delivery?.attempts_made === 1);
    await post("deliveries.retry", { id: waiting?.id });
    await inbox.arrived(2);
    expect(await finished()).toEqual([
      expect.objectContaining({ id: waiting?.id, status: "delivered" }),
    ]);
  });

  test("of all that is dead sends each again once, however often it is pressed", async () => {
    inbox.reply = (_request, number) => (number < 3 ? { status: 500 } : {});
    const id = await subscribe({ retry_schedule_s: [] });
    for (let n = 0; n < 3; n++) await publish({ payload: n });
    await finished(3);
    await post("webhooks.update", { id, paused: true });
    expect((await post("webhooks.retry_dead", { id })).body).toEqual({
      replay_id: expect.stringMatching(/^rpl_/),
      matched: 3,
      is_exact: true,
    });
    expect((await post("webhooks.retry_dead", { id })).body.matched).toBe(0);
    await post("webhooks.update", { id, paused: false });
    await inbox.arrived(6);
    await finished(6);
    expect((await post("webhooks.retry_dead", { id })).body.matched).toBe(0);
  });

  test("on an unsubscribed webhook is 409, of another tenant's delivery 404", async () => {
    inbox.reply = () => ({ status: 500 });
    const id = await subscribe({ retry_schedule_s: [] });
    await publish();
    const [dead] = await finished();
    const stranger = await caller(service, { "X-Tenant": "stranger" })("deliveries.retry", {
      id: dead?.id,
    });
    expect([stranger.status, stranger.body.code]).toEqual([404, "delivery_not_found"]);
    await post("webhooks.unsubscribe", { id });
    expect((await post("deliveries.retry", { id: dead?.id })).body.code).toBe(
      "webhook_unsubscribed",
    );
    expect((await post("webhooks.retry_dead", { id })).body.code).toBe("webhook_unsubscribed");
  });

  test("of an event whose payload is gone is 409", async () => {
    inbox.reply = () => ({ status: 500 });
    await subscribe({ retry_schedule_s: [] });
    await publish();
    const [dead] = await finished();
    await sql.query("delete from posthorn.event_payloads where tenant = $1", [tenant()]);
    expect((await post("deliveries.retry", { id: dead?.id })).body.code).toBe("payload_gone");
  });

  test.each([
    {},
    { id: "dlv_x" },
    { webhook_id: "3e639566-29fa-450d-a59f-ae3c25d7260f", status: "dead" },
  ])("refuses %j", async (input) => {
    expect((await post("deliveries.retry", input)).body.code).toBe("invalid_request");
  });
});

describe("deliveries.list", () => {
  test("filters by webhook, event, status and time, pending and finished as one list, page by page", async () => {
    const id = await subscribe();
    const paused = await subscribe();
    await post("webhooks.update", { id: paused, paused: true });
    const first = await publish({ payload: 1 });
    const second = await publish({ payload: 2 });
    await finished(2);
    expect(await deliveries({ status: "pending" })).toHaveLength(2);
    expect(await deliveries({ status: "delivered" })).toHaveLength(2);
    expect(await deliveries({ webhook_id: id })).toEqual([
      expect.objectContaining({ event_id: second }),
      expect.objectContaining({ event_id: first }),
    ]);
    expect(await deliveries({ event_id: first })).toHaveLength(2);
    expect(await deliveries({ since: "2100-01-01T00:00:00Z" })).toHaveLength(0);
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const { body } = await post("deliveries.list", {
        page_size: 1,
        ...(cursor !== undefined && { cursor }),
      });
      seen.push(...body.data.map((delivery: Delivery) => delivery.id));
      cursor = body.pagination_data.next_cursor as string | null;
    }
    expect(seen).toEqual((await deliveries()).map((delivery) => delivery.id));
    expect(
      (await post("deliveries.list", { webhook_id: "00000000-0000-4000-8000-000000000000" })).body
        .code,
    ).toBe("webhook_not_found");
  });

  test("the views for SQL show the same", async () => {
    await subscribe({ signature_key: "k" });
    const id = await publish();
    const [delivery] = await finished();
    const { rows: found } = await sql.query(
      "select id, status, type from posthorn.v_deliveries where event_id = $1",
      [id],
    );
    expect(found).toEqual([{ id: delivery?.id, status: "delivered", type: TYPE }]);
    const { rows: attempts } = await sql.query(
      "select number, status, url from posthorn.v_attempts where delivery_id = $1",
      [delivery?.id],
    );
    expect(attempts).toEqual([{ number: 1, status: 200, url: inbox.url }]);
  });
});
