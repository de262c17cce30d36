// The secrets key is being rotated: one worker has the new key already, the other does not yet.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { createLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const key = (byte: number) => Buffer.alloc(32, byte).toString("base64");
const OLD = key(1);
const BOTH = `${key(2)},${OLD}`;

let database: TestDatabase;
let sql: pg.Client;
let worker: TestService; // with the old key alone
let api: TestService;
let post: Call;
let inbox: Inbox;
let told: number;

beforeAll(async () => {
  database = await createTestDatabase();
  sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
});
afterAll(async () => {
  await sql.end();
  await database.drop();
});
beforeEach(async () => {
  told = 0;
  const log = createLog("error", {
    write: (line) => void (told += line.includes("lacks the key") ? 1 : 0),
  });
  worker = await start(OLD, "worker", log);
  api = await start(BOTH, "api");
  post = caller(api);
  inbox = await startInbox();
});
afterEach(async () => {
  await worker.stop();
  await api.stop();
  await inbox.close();
});

const start = (POSTHORN_SECRETS_KEY: string, role: "api" | "worker", log = createLog("error")) =>
  startTestService({ DATABASE_URL: database.url, POSTHORN_SECRETS_KEY }, { role, log });
const subscribe = async (settings: object): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const publish = (count: number) =>
  post("events.publish_many", {
    events: Array.from({ length: count }, (_, n) => ({ type: "message.created", payload: n })),
  }).expect(200);
const deliveries = async (webhook_id: string) =>
  (await post("deliveries.list", { webhook_id, page_size: 200 }).expect(200)).body.data;

test("a worker without the key gives back what it claims, says so, and spends no wait; one that has it delivers", async () => {
  const id = await subscribe({ preset: "aimessage", signature_key: "k", headers: { "X-A": "1" } });
  await publish(5);
  await until(
    () => Promise.resolve(told),
    (count) => count === 1,
  );
  const free = await until(
    async () =>
      (await sql.query("select from posthorn.deliveries where locked_until is null")).rowCount,
    (count) => count === 5,
  );
  expect(free).toBe(5);
  expect(inbox.requests).toEqual([]);

  const other = await start(BOTH, "worker");
  await inbox.arrived(5);
  await publish(40);
  const all = await until(
    () => deliveries(id),
    (list) =>
      list.length === 45 && list.every(({ status }: { status: string }) => status !== "pending"),
  );
  await other.stop();
  for (const delivery of all)
    expect(delivery).toMatchObject({ status: "delivered", attempts_made: 1 });
  expect(inbox.requests).toHaveLength(45);
});

test("what such a worker can open goes out meanwhile", async () => {
  const sealed = await subscribe({ signature_key: "k" });
  const plain = await subscribe({ url: `${inbox.url}/plain` });
  await publish(20);
  const all = await until(
    () => deliveries(plain),
    (list) => list.every(({ status }: { status: string }) => status === "delivered"),
  );
  expect(all).toHaveLength(20);
  for (const delivery of await deliveries(sealed))
    expect(delivery).toMatchObject({ status: "pending", attempts_made: 0 });
});
