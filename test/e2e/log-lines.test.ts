// What a person who is woken at night finds in the log: a line for what has changed, and none a second time.
import { afterEach, beforeEach, expect, test } from "@jest/globals";

import { createLog } from "../../src/kernel/log.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startPostgres, type Postgres } from "../helpers/postgres.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

type Line = { level: string; msg: string } & Record<string, unknown>;

let postgres: Postgres;
let service: TestService;
let inbox: Inbox;
let post: Call;
let lines: Line[];

beforeEach(async () => {
  lines = [];
  postgres = await startPostgres();
  const log = createLog("info", { write: (line) => void lines.push(JSON.parse(line) as Line) });
  service = await startTestService({ DATABASE_URL: postgres.url }, { log });
  inbox = await startInbox();
  post = caller(service);
  lines.splice(0); // of the start
});
afterEach(async () => {
  await service.stop();
  await inbox.close();
  await postgres.remove();
});

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const publish = () => post("events.publish", { type: "message.created", payload: 1 });
const said = (msg: string) =>
  until(
    () => Promise.resolve(lines.filter((line) => line.msg === msg)),
    (found) => found.length > 0,
  );

test("a database that is stopped and started again is one line when it goes and one when it is back", async () => {
  await subscribe();
  let answer = () => {};
  const isAway = new Promise<void>((resolve) => (answer = resolve));
  inbox.reply = () => ({ until: isAway });
  await publish().expect(200);
  await inbox.arrived(1);
  await postgres.stop("fast");
  for (let refused = 0; refused < 10; refused++)
    await publish().set("Prefer", "wait=0").expect(503);
  answer(); // an outcome that can't be written now
  await said("the database is away");
  await postgres.start();
  await said("the database is back");
  await until(
    async () => (await post("deliveries.list", {}).expect(200)).body.data,
    ([delivery]) => delivery.status === "delivered",
  );
  expect(lines.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    "warn the database is away",
    "info the database is back",
  ]);
});

test("each change of a webhook's health is one line that names it, its tenant and why", async () => {
  inbox.reply = () => ({ status: 500 });
  const failing = await subscribe({ retry_schedule_s: [] });
  const gone = await subscribe({ url: `${inbox.url}/gone`, channels: ["gone"] });
  await publish().expect(200);
  const change = { msg: "a webhook's health has changed", tenant: "default" };
  await said(change.msg);
  inbox.reply = () => ({});
  await publish().expect(200);
  const changes = () => lines.filter(({ msg }) => msg === change.msg);
  await until(
    () => Promise.resolve(changes().length),
    (count) => count === 2,
  );
  inbox.reply = () => ({ status: 410 });
  await post("events.publish", { type: "message.created", payload: 1, channel: "gone" });
  await until(
    () => Promise.resolve(changes().map((line) => line["webhook_id"])),
    (changed) => changed.includes(gone), // the other's may come first: it has that channel, too
  );
  const [first, second, ...rest] = changes();
  expect(first).toMatchObject({
    ...change,
    level: "warn",
    webhook_id: failing,
    from: "ok",
    health: "failing",
    reason: "delivery_dead",
  });
  expect(second).toMatchObject({ ...change, level: "info", webhook_id: failing, health: "ok" });
  expect(rest.filter((line) => line["webhook_id"] === gone)).toEqual([
    expect.objectContaining({ ...change, from: "ok", health: "disabled", reason: "gone" }),
  ]);
});

test("each attempt that failed is one line with the ids to search by, and nothing of what was sent or answered", async () => {
  inbox.reply = (_request, number) => ({ status: number === 0 ? 503 : 404, body: "CANARY" });
  const webhook_id = await subscribe({ retry_schedule_s: [1], headers: { "X-Own": "CANARY" } });
  const { body } = await post("events.publish", { type: "message.created", payload: "CANARY" });
  const msg = "an attempt has failed";
  const failed = await until(
    () => Promise.resolve(lines.filter((line) => line.msg === msg)),
    (found) => found.length === 2,
  );
  const list = (await post("deliveries.list", { webhook_id }).expect(200)).body.data;
  const ids = { tenant: "default", webhook_id, delivery_id: list[0].id, event_id: body.id };
  const line = { level: "info", msg, ...ids, reason: "status", took_ms: expect.any(Number) };
  expect(failed).toEqual([
    expect.objectContaining({
      ...line,
      attempt: 1,
      status: 503,
      next_at: expect.stringMatching(/Z$/),
    }),
    expect.objectContaining({ ...line, attempt: 2, status: 404, dead: true }),
  ]);
  expect(JSON.stringify(lines)).not.toContain("CANARY");
});
