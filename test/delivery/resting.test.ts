// What a receiver asks for by Retry-After, and what ends it before its time.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import pg from "pg";

import { silentLog } from "../../src/kernel/log.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { settle, type Settlement } from "../../src/queue/settle.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { claim } from "../helpers/claims.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";
import { untilWaiting } from "../helpers/waiting.ts";

const publishMany = async (post: Call, count: number): Promise<string[]> => {
  const events = Array.from({ length: count }, () => ({ type: "message.created", payload: 1 }));
  const { body } = await post("events.publish_many", { events });
  return body.data.map(({ id }: { id: string }) => id);
};
const idsIn = ({ requests }: Inbox) => requests.map(({ headers }) => headers["webhook-id"]);

describe("a webhook told to wait", () => {
  let service: TestService;
  let post: Call;
  let inbox: Inbox;
  let tenants = 0;

  beforeAll(async () => {
    service = await startTestService();
  });
  afterAll(() => service.stop());
  beforeEach(async () => {
    post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
    inbox = await startInbox();
  });
  afterEach(() => inbox.close());

  const resting = async (settings: object = {}) => {
    inbox.reply = () => ({ status: 503, headers: { "retry-after": "7200" } });
    const { id } = (await post("webhooks.subscribe", { url: inbox.url, ...settings })).body;
    const events = await publishMany(post, 5);
    const { resting_until } = await until(
      async () => (await post("webhooks.info", { id })).body,
      (webhook) => webhook.resting_until !== null,
    );
    expect(Date.parse(resting_until) - Date.now()).toBeGreaterThan(7_100_000);
    // But for what was in flight when the first answer came.
    const data = await until(
      async () => (await post("deliveries.list", { webhook_id: id })).body.data,
      (rows: { waiting_for: string | null; next_attempt_at: string }[]) =>
        rows.every(({ waiting_for }) => waiting_for === "retry" || waiting_for === "order"),
    );
    for (const { next_attempt_at } of data)
      expect(Date.parse(next_attempt_at) - Date.now()).toBeGreaterThan(7_100_000);
    return { id, events };
  };

  test.each(["none", "webhook"])("has all due at once at a new URL, order %s", async (order) => {
    const { id, events } = await resting({ order });
    const other = await startInbox();
    await post("webhooks.update", { id, url: other.url }).expect(200);
    expect((await post("webhooks.info", { id })).body.resting_until).toBeNull();
    await other.arrived(5);
    expect(idsIn(other).sort()).toEqual([...events].sort());
    await other.close();
  });

  test.each(["none", "webhook"])(
    "has all due at once when it is hastened, one at first, order %s",
    async (order) => {
      const { id, events } = await resting({ order });
      const before = inbox.requests.length;
      const waiting = order === "none" ? 5 : 1; // the others wait for the first
      expect((await post("webhooks.hasten", { id, dry_run: true })).body).toEqual({
        matched: waiting,
      });
      expect((await post("webhooks.info", { id })).body.resting_until).not.toBeNull();
      inbox.reply = () => ({});
      expect((await post("webhooks.hasten", { id })).body).toEqual({ matched: waiting });
      await inbox.arrived(before + 5);
      expect([...new Set(idsIn(inbox).slice(before))].sort()).toEqual([...events].sort());
      expect((await post("webhooks.hasten", { id })).body).toEqual({ matched: 0 });
    },
  );

  test("has its waits for retries hastened too, and stays where it was told again", async () => {
    inbox.reply = () => ({ status: 500 });
    const { id } = (
      await post("webhooks.subscribe", { url: inbox.url, retry_schedule_s: [3_600, 3_600] })
    ).body;
    await publishMany(post, 1);
    await inbox.arrived(1);
    // Said while it is in flight, it may hasten the wait that follows, too: then once more would be a third attempt.
    await until(
      async () => (await post("webhooks.hasten", { id, dry_run: true })).body,
      ({ matched }) => matched === 1,
    );
    expect((await post("webhooks.hasten", { id })).body).toEqual({ matched: 1 });
    await inbox.arrived(2);
    const { data } = (await post("deliveries.list", { webhook_id: id })).body;
    await until(
      async () => (await post("deliveries.info", { id: data[0].id })).body,
      ({ attempts_made, status }) => attempts_made === 2 && status === "pending",
    );
  });

  test("that is unsubscribed or unknown is not hastened", async () => {
    const { id } = (await post("webhooks.subscribe", { url: inbox.url })).body;
    await post("webhooks.unsubscribe", { id });
    expect((await post("webhooks.hasten", { id })).body.code).toBe("webhook_unsubscribed");
    await post("webhooks.delete", { id });
    expect((await post("webhooks.hasten", { id })).body.code).toBe("webhook_not_found");
  });
});

describe("an answer by an older version", () => {
  let service: TestService; // an api alone: nobody claims but the test
  let connection: Connection;
  let post: Call;

  beforeAll(async () => {
    service = await startTestService({}, { role: "api" });
    connection = connect(service.databaseUrl, { name: "old answers", max: 4, log: silentLog });
    post = caller(service);
  });
  afterAll(async () => {
    await connection.close();
    await service.stop();
  });
  const rows = async (statement: string) => (await connection.pool.query(statement)).rows;

  const inFlight = async (settings: object = {}): Promise<{ id: string; late: Settlement }> => {
    await rows("delete from posthorn.deliveries");
    await rows("delete from posthorn.routes");
    const url = "https://example.com/old";
    const { id } = (await post("webhooks.subscribe", { url, ...settings })).body;
    await publishMany(post, 1);
    const [delivery] = (await claim(connection.pool)).deliveries;
    if (!delivery) throw new Error("nothing was claimed");
    const inAnHour = new Date(Date.now() + 3_600_000);
    const late: Settlement = {
      delivery,
      verdict: "retry",
      dueAt: inAnHour,
      webhookNotBefore: inAnHour,
      proves: true,
      isOwnEvent: false,
      attempt: {
        number: 1,
        at: new Date(),
        durationMs: 1,
        worker: "late",
        keyVersion: null,
        address: null,
        status: 503,
        reason: "status",
        error: null,
        bodySha256: null,
        responseHeaders: {},
        responseBody: "",
        resentAt: null,
        traceparent: null,
      },
    };
    return { id, late };
  };
  const learned = () =>
    rows(
      `select s.not_before, s.proven, d.due_at < now() as is_due from posthorn.webhook_states as s
       join posthorn.deliveries as d on d.webhook_id = s.webhook_id`,
    );

  test.each([
    ["URL", { url: "https://example.com/new" }],
    ["key", { signature_key: "another" }],
    ["header", { headers: { Authorization: "Bearer new" } }],
  ])("binds no new %s: its delivery is due at once", async (_, change) => {
    const { id, late } = await inFlight();
    await post("webhooks.update", { id, ...change }).expect(200);
    await settle(connection.pool, [late]);
    expect(await learned()).toEqual([{ not_before: null, proven: false, is_due: true }]);
  });

  test("binds no new URL where both are written down at the same time", async () => {
    const { id, late } = await inFlight();
    const other = new pg.Client({ connectionString: service.databaseUrl });
    await other.connect();
    await other.query("begin");
    await other.query("select from posthorn.webhook_states for update");
    const updating = post("webhooks.update", { id, url: "https://example.com/new" }).then(
      ({ status }) => status,
    );
    await untilWaiting(other);
    const settling = settle(connection.pool, [late]);
    await untilWaiting(other, 2);
    await other.query("rollback");
    await other.end();
    expect(await updating).toBe(200);
    await settling;
    expect(await learned()).toEqual([expect.objectContaining({ not_before: null, proven: false })]);
  });

  test.each([{}, { rate_limit_per_s: 1 }])(
    "makes all that is pending say so in the same moment, %j",
    async (settings) => {
      const { id, late } = await inFlight(settings);
      await publishMany(post, 3);
      await settle(connection.pool, [late]);
      const { data } = (await post("deliveries.list", { webhook_id: id })).body;
      expect(data).toHaveLength(4);
      const shown = (
        await rows("select waiting_for, next_attempt_at from posthorn.v_deliveries")
      ).map((row) => ({ ...row, next_attempt_at: row.next_attempt_at.toISOString() }));
      for (const delivery of [...data, ...shown])
        expect(delivery).toMatchObject({
          waiting_for: "retry",
          next_attempt_at: late.webhookNotBefore?.toISOString(),
        });
    },
  );

  test("binds what it was asked of: told again by the version that is now, the webhook waits", async () => {
    const { late } = await inFlight();
    await settle(connection.pool, [late]);
    expect(await learned()).toEqual([
      { not_before: late.webhookNotBefore, proven: true, is_due: false },
    ]);
  });
});
