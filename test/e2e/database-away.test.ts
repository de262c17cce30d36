// The database goes away and comes back: nothing acknowledged is lost, and the service needs no help.
import { randomUUID } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startPostgres, type Postgres } from "../helpers/postgres.ts";
import { readyPosthorn } from "../helpers/process.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";

const ANSWER_MS_MAX = 15_000; // the wait for a connection is 5 s, and a busy machine has more to do
const TYPE = "message.created";

let postgres: Postgres;
let service: TestService;
let inbox: Inbox;
let post: Call;
let tenant: string;

// Nothing waits for the database here: what happens to publishes that do stands in publish-waits.test.ts.
const start = () => startTestService({ DATABASE_URL: postgres.url }, { waitMs: 0 });
const statusOf = async (path: string) => (await fetch(`${service.url}${path}`)).status;
const subscribe = async () =>
  (await post("webhooks.subscribe", { url: inbox.url, retry_schedule_s: [1, 1, 1] }).expect(200))
    .body.id as string;
const publish = async () =>
  (await post("events.publish", { type: TYPE, payload: 1 }).expect(200)).body.id as string;
const deliveries = async () => (await post("deliveries.list", { page_size: 200 })).body.data;
const arrivals = (id: string) =>
  inbox.requests.filter(({ headers }) => headers["webhook-id"] === id).length;
const isReady = () =>
  until(
    () => statusOf("/readyz"),
    (status) => status === 200,
  );
/** A dead worker's lease lasts 45 s: here it is over at once. */
const endLeases = () =>
  query(
    postgres.url,
    "update posthorn.deliveries set locked_until = now() - interval '1 second' where locked_until > now()",
  );

beforeAll(async () => {
  postgres = await startPostgres();
  service = await start();
});
afterAll(async () => {
  await service.stop();
  await postgres.remove();
});
beforeEach(async () => {
  inbox = await startInbox();
  tenant = `tenant-${randomUUID()}`;
  post = caller(service, { "X-Tenant": tenant });
});
afterEach(() => inbox.close());

describe("while the database is stopped", () => {
  test.each(["fast", "immediate"] as const)(
    "(%s) publish answers 503 in time and never a 200 that is lost; the service goes on by itself when it is back",
    async (how) => {
      await subscribe();
      const acknowledged: string[] = [];
      const refused: { status: number; code: string }[] = [];
      let isPublishing = true;
      const publisher = async () => {
        while (isPublishing) {
          const startedAt = performance.now();
          const { status, body } = await post("events.publish", { type: TYPE, payload: 1 });
          expect(performance.now() - startedAt).toBeLessThan(ANSWER_MS_MAX);
          if (status === 200) acknowledged.push(body.id);
          else refused.push({ status, code: body.code });
        }
      };
      const publishers = [publisher(), publisher(), publisher(), publisher()];
      await inbox.arrived(20);
      await postgres.stop(how);
      await until(
        () => Promise.resolve(refused.length),
        (count) => count >= 20,
      );
      expect(await statusOf("/readyz")).toBe(503);
      expect(await statusOf("/healthz")).toBe(200);
      const before = acknowledged.length;
      await postgres.start();
      await isReady();
      await until(
        () => Promise.resolve(acknowledged.length),
        (count) => count >= before + 20,
      );
      isPublishing = false;
      await Promise.all(publishers);

      // What was out when it stopped may have been stored; of all that came later it is known that it was not.
      for (const { status, code } of refused) {
        expect(status).toBe(503);
        expect(["unsure", "database_unavailable"]).toContain(code);
      }
      expect(refused.at(-1)?.code).toBe("database_unavailable");
      await endLeases(); // of what was claimed by a statement whose answer was lost
      await until(
        () => Promise.resolve(acknowledged.filter((id) => arrivals(id) === 0)),
        (missing) => missing.length === 0,
      );
      await until(
        () => query(postgres.url, `select from posthorn.deliveries where tenant = '${tenant}'`),
        (pending) => pending.length === 0,
      );
    },
  );

  test("every operation answers 503, also to a key that would have to be looked up, and nothing tells of the database", async () => {
    await postgres.stop("fast");
    const stranger = caller({ url: service.url, adminKey: "phk_read_unknown" });
    for (const answer of [
      await post("webhooks.list"),
      await post("webhooks.subscribe", { url: inbox.url }),
      await post("events.publish_many", { events: [{ type: TYPE, payload: 1 }] }),
      await post("deliveries.list"),
      await stranger("events.list"),
    ]) {
      expect(answer.status).toBe(503);
      expect(Object.keys(answer.body)).toEqual(["message", "code", "request_id"]);
      expect(answer.body.code).toBe("database_unavailable");
      expect(answer.text).not.toMatch(/ENOENT|ECONN|socket|\/tmp|select|posthorn\./i);
    }
    await postgres.start();
    await isReady();
  });
});

test("while the database is read-only publish answers 503 and reading goes on; what was out meanwhile is recorded afterwards, sent once", async () => {
  let answer = () => {};
  const isReadOnly = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ until: isReadOnly });
  await subscribe();
  const before = await publish();
  await inbox.arrived(1);
  const tryToPublish = () => post("events.publish", { type: TYPE, payload: 1 });
  const statusOfPublish = async () => (await tryToPublish()).status;
  // Until each of the service's sessions has heard of it.
  const isRefusedEachTime = async () => {
    for (let n = 0; n < 20; n++) {
      const { status, body } = await tryToPublish();
      if (status === 200) return false;
      expect([status, body.code]).toEqual([503, "database_unavailable"]);
    }
    return true;
  };
  await query(postgres.url, "alter system set default_transaction_read_only = on");
  await query(postgres.url, "select pg_reload_conf()");
  await until(isRefusedEachTime, (refused) => refused);
  answer();
  const readiness = await fetch(`${service.url}/readyz`);
  expect([readiness.status, await readiness.text()]).toEqual([
    503,
    expect.stringContaining("read-only"),
  ]);
  expect(await statusOf("/healthz")).toBe(200);
  expect((await deliveries()).at(-1)).toMatchObject({ event_id: before, status: "pending" });

  await query(postgres.url, "alter system reset default_transaction_read_only");
  await query(postgres.url, "select pg_reload_conf()");
  await until(statusOfPublish, (status) => status === 200);
  await isReady();
  const all = await until(deliveries, (list) =>
    list.every(({ status }: { status: string }) => status === "delivered"),
  );
  expect(all.at(-1)).toMatchObject({ event_id: before, attempts_made: 1 });
  expect(inbox.requests).toHaveLength(all.length);
});

describe("the database that stops after the receiver's 200 and before it is written down", () => {
  test.each(["fast", "immediate"] as const)(
    "(%s) and comes back while the worker lives has it recorded, and it is not sent again",
    async (how) => {
      let stopping: Promise<void> | undefined;
      inbox.reply = () => ({ until: (stopping ??= postgres.stop(how)) });
      await subscribe();
      const id = await publish();
      await inbox.arrived(1);
      await until(
        () => statusOf("/readyz"),
        (status) => status === 503,
      );
      await stopping; // it is not ready before its server has ended
      inbox.reply = () => ({});
      await postgres.start();
      await isReady();
      const [delivery] = await until(deliveries, ([first]) => first?.status === "delivered");
      expect(delivery).toMatchObject({ event_id: id, attempts_made: 1 });
      const { body } = await post("deliveries.info", { id: delivery.id });
      expect(body.attempts.map(({ status }: { status: number }) => status)).toEqual([200]);
      await publish(); // the lane is open: what is published now arrives
      await inbox.arrived(2);
      expect(arrivals(id)).toBe(1);
    },
  );

  test("and takes the worker with it has the delivery sent again with the same id, and ended", async () => {
    await service.stop();
    const worker = await readyPosthorn(["serve"], {
      DATABASE_URL: postgres.url,
      POSTHORN_SECRETS_KEY: SECRETS_KEY,
      POSTHORN_ADMIN_KEY: service.adminKey,
      POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
      LOG_LEVEL: "debug",
    });
    post = caller({ url: worker.url, adminKey: service.adminKey }, { "X-Tenant": tenant });
    inbox.reply = () => ({ until: postgres.stop("immediate") });
    await subscribe();
    const id = await publish();
    await inbox.arrived(1);
    await worker.line(/can't be written down now/);
    worker.kill("SIGKILL");
    await worker.exited;
    inbox.reply = () => ({});
    await postgres.start();
    await endLeases();

    service = await start();
    post = caller(service, { "X-Tenant": tenant });
    const requests = await inbox.arrived(2);
    expect(
      requests.map(({ headers }) => [headers["webhook-id"], headers["webhook-attempt"]]),
    ).toEqual([
      [id, "1"],
      [id, "1"],
    ]);
    const [delivery] = await until(deliveries, ([first]) => first?.status === "delivered");
    expect(delivery).toMatchObject({ event_id: id, attempts_made: 1 });
  });
});

test("a service can be stopped while the database is away; what it could not write down is sent again by the next", async () => {
  inbox.reply = () => ({ until: postgres.stop("immediate") });
  await subscribe();
  const id = await publish();
  await inbox.arrived(1);
  await until(
    () => statusOf("/readyz"),
    (status) => status === 503,
  );
  const startedAt = performance.now();
  await service.stop();
  expect(performance.now() - startedAt).toBeLessThan(15_000);
  inbox.reply = () => ({});
  await postgres.start();
  await endLeases();
  service = await start();
  post = caller(service, { "X-Tenant": tenant });
  await inbox.arrived(2);
  const [delivery] = await until(deliveries, ([first]) => first?.status === "delivered");
  expect(delivery.event_id).toBe(id);
  expect(arrivals(id)).toBe(2);
});
