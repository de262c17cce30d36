// A tenant moves from one cell to another while it is published for, by every door: nothing is lost, and nothing is sent twice.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type pg from "pg";

import { connect, type Connection } from "../../src/database/connect.ts";
import { clearNext } from "../../src/database/move/leave.ts";
import { moveTenant } from "../../src/database/move/run.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { createTestDatabase, type TestDatabase } from "../helpers/database.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { moveOptions } from "../helpers/move.ts";
import { readyPosthorn } from "../helpers/process.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";

const TYPE = "message.created";
const ADMIN_KEY = "a-key-of-every-process-of-this-test";

let databases: TestDatabase[];
let connections: Connection[];
let home: pg.Pool;
let us: pg.Pool;
let settings: Record<string, string>;
let service: TestService;
let inbox: Inbox;

const as = (tenant: string, url = service.url): Call =>
  caller({ url, adminKey: ADMIN_KEY }, { "X-Tenant": tenant });
const idOf = ({ headers }: { headers: Record<string, unknown> }) => headers["webhook-id"] as string;
const byPath = (path: string) =>
  inbox.requests.filter((request) => request.path === path).map((request) => idOf(request));
/** Waits until what counts is as much. */
const untilMany = (count: () => number, least: number) =>
  until(
    () => Promise.resolve(count()),
    (now) => now >= least,
  );
const publishBySql = async (tenant: string): Promise<string> =>
  (await home.query("select posthorn.publish($1, '{}', tenant => $2) as id", [TYPE, tenant]))
    .rows[0].id;

async function move(tenant: string): Promise<void> {
  const [ofHome = "", ofUs = ""] = databases.map(({ url }) => url);
  await moveTenant({ ...moveOptions(ofHome, ofUs), tenant, to: "us" });
}

async function clear(tenant: string): Promise<void> {
  for (;;) {
    const left = { tenant, cell: "us", isClear: false };
    if ((await clearNext(home, us, left, 30))?.deleted === 0) return;
  }
}

beforeAll(async () => {
  databases = [await createTestDatabase(), await createTestDatabase()];
  connections = databases.map(({ url }) => connect(url, { name: "test", max: 5, log: silentLog }));
  [home, us] = connections.map(({ pool }) => pool) as [pg.Pool, pg.Pool];
  settings = {
    DATABASE_URL: databases[0]?.url ?? "",
    POSTHORN_CELLS: `us=${databases[1]?.url}`,
    POSTHORN_ADMIN_KEY: ADMIN_KEY,
  };
  service = await startTestService(settings);
  inbox = await startInbox();
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
  for (const connection of connections) await connection.close();
  for (const database of databases) await database.drop();
});

test("a tenant with webhooks, a key and what is held for one of them moves: what is held is sent from the new cell, and the rest is read there", async () => {
  const call = as("held");
  const { body: webhook } = await call("webhooks.subscribe", {
    url: `${inbox.url}/held`,
    generate_signature_key: true,
  }).expect(200);
  const { body: key } = await as("default")("keys.create", {
    name: "k",
    scope: "publish",
    tenant: "held",
  }).expect(200);
  const sent = await publishBySql("held");
  await untilMany(() => byPath("/hook/held").length, 1);
  await until(
    async () => (await call("deliveries.list", { status: "delivered" })).body.data.length as number,
    (count) => count === 1,
  );
  await call("webhooks.update", { id: webhook.id, paused: true }).expect(200);
  const held = await publishBySql("held");
  await move("held");
  await until(
    async () => (await call("webhooks.update", { id: webhook.id, paused: false })).status,
    (status) => status === 200, // 503 for as long as the process knows it at home
  );
  await untilMany(() => byPath("/hook/held").length, 2);
  await clear("held");
  const withKey = caller({ url: service.url, adminKey: key.key });
  const { body: last } = await withKey("events.publish", { type: TYPE, payload: {} }).expect(200);
  await untilMany(() => byPath("/hook/held").length, 3);
  expect(byPath("/hook/held")).toEqual([sent, held, last.id]);
  const { body: listed } = await call("events.list").expect(200);
  expect(listed.data.map(({ id }: { id: string }) => id)).toEqual([last.id, held, sent]);
  const { body: history } = await call("webhooks.history", { id: webhook.id }).expect(200);
  expect(history.data.length).toBeGreaterThan(1);
  const { rows } = await home.query("select from posthorn.webhooks where tenant = 'held'");
  expect(rows).toEqual([]);
});

test("under load, by HTTP and by SQL, each event that was taken is sent once, and no publish fails", async () => {
  const tenant = "busy";
  await as(tenant)("webhooks.subscribe", { url: `${inbox.url}/busy` }).expect(200);
  await as(tenant)("webhooks.subscribe", { url: `${inbox.url}/ordered`, order: "webhook" }).expect(
    200,
  );
  const taken: string[] = [];
  const refused: unknown[] = [];
  let isOver = false;
  const publishing = [
    async () =>
      (await as(tenant)("events.publish", { type: TYPE, payload: {} }).expect(200)).body
        .id as string,
    () => publishBySql(tenant),
  ].map(async (publish) => {
    while (!isOver)
      await publish().then(
        (id) => taken.push(id),
        (error: unknown) => refused.push(error),
      );
  });
  await untilMany(() => byPath("/hook/ordered").length, 20 + 1);
  await move(tenant);
  const atSwitch = taken.length;
  await untilMany(() => taken.length, atSwitch + 20 + 1);
  isOver = true;
  await Promise.all(publishing);
  await clear(tenant);
  expect(refused).toEqual([]);
  for (const path of ["/hook/busy", "/hook/ordered"]) {
    await untilMany(() => new Set(byPath(path)).size, taken.length);
    expect(byPath(path).toSorted()).toEqual(taken.toSorted());
  }
  expect(
    (await home.query("select from posthorn.events where tenant = $1", [tenant])).rows,
  ).toEqual([]);
});

test("what a process that was stopped over the whole move publishes is sent once, from the new cell", async () => {
  const tenant = "frozen";
  await as(tenant)("webhooks.subscribe", { url: `${inbox.url}/frozen` }).expect(200);
  const other = await readyPosthorn(["api"], {
    ...settings,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
  });
  const publish = () => as(tenant, other.url)("events.publish", { type: TYPE, payload: {} });
  const taken = [(await publish().expect(200)).body.id as string];
  await untilMany(() => byPath("/hook/frozen").length, 1);
  other.kill("SIGSTOP");
  const waiting = Array.from({ length: 5 }, () => publish().then(({ body }) => body.id as string));
  await move(tenant);
  await clear(tenant);
  other.kill("SIGCONT");
  taken.push(...(await Promise.all(waiting)));
  await untilMany(() => new Set(byPath("/hook/frozen")).size, 6);
  expect(byPath("/hook/frozen").toSorted()).toEqual(taken.toSorted());
});
