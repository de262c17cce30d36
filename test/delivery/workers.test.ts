// Several workers on one database, and workers that die.
import { afterEach, beforeEach, expect, test } from "@jest/globals";

import { silentLog } from "../../src/kernel/log.ts";
import { connect } from "../../src/database/connect.ts";
import { claim } from "../helpers/claims.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { query } from "../helpers/embedded.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { readyPosthorn } from "../helpers/process.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";

const CRASHES_MAX = 5;

let api: TestService;
let post: Call;
let inbox: Inbox;

beforeEach(async () => {
  api = await startTestService({}, { role: "api" });
  post = caller(api);
  inbox = await startInbox();
});
afterEach(async () => {
  await api.stop();
  await inbox.close();
});

const publish = (count: number) =>
  post("events.publish_many", {
    events: Array.from({ length: count }, (_, n) => ({ type: "message.created", payload: { n } })),
  }).expect(200);
const subscribe = (path: string, settings: object = {}) =>
  post("webhooks.subscribe", { url: `${inbox.url}/${path}`, ...settings }).expect(200);
const deliveries = async () => (await post("deliveries.list", { page_size: 200 })).body.data;
const startWorker = () => startTestService({ DATABASE_URL: api.databaseUrl }, { role: "worker" });

/** What a worker does that then dies: it claims, and is never heard of again; 45 s later its lease has run out. */
async function claimAndDie(): Promise<number> {
  const { pool, close } = connect(api.databaseUrl, { name: "dead", max: 1, log: silentLog });
  const { deliveries: claimed } = await claim(pool);
  await pool.query("update posthorn.deliveries set locked_until = now() - interval '1 second'");
  await close();
  return claimed.length;
}

test("two workers on one database share 300 deliveries and send each exactly once", async () => {
  const env = {
    DATABASE_URL: api.databaseUrl,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    POSTHORN_EGRESS_ALLOW: "127.0.0.0/8",
  };
  const workers = await Promise.all([
    readyPosthorn(["worker"], env),
    readyPosthorn(["worker"], env),
  ]);
  let open = () => {};
  const both = new Promise<void>((resolve) => (open = resolve));
  inbox.reply = () => ({ until: both });
  for (const path of ["a", "b", "c"]) await subscribe(path);
  const { body } = await publish(100);
  await inbox.arrived(2 * 3); // one of each webhook that has shown nothing yet: from either worker
  open();
  await until(
    () => query(api.databaseUrl, "select from posthorn.deliveries"),
    (pending) => pending.length === 0,
  );
  for (const worker of workers) expect(await worker.stop()).toEqual({ code: 0, signal: null });

  const sent = inbox.requests.map(
    ({ path, headers }) => `${path} ${String(headers["webhook-id"])}`,
  );
  const wanted = body.data.flatMap(({ id }: { id: string }) =>
    ["a", "b", "c"].map((path) => `/hook/${path} ${id}`),
  );
  expect(sent.sort()).toEqual(wanted.sort());
  const by = await query(api.databaseUrl, "select distinct worker from posthorn.attempts");
  expect(by.map(({ worker }) => Number(/:(\d+)\//.exec(String(worker))?.[1])).sort()).toEqual(
    workers.map(({ pid }) => pid).sort(),
  );
});

test("what a dead worker had claimed is sent by the next after its lease, as the first attempt that it is", async () => {
  await subscribe("a", { retry_schedule_s: [] });
  await publish(3);
  expect(await claimAndDie()).toBe(3);
  const worker = await startWorker();
  await inbox.arrived(3);
  const ended = await until(deliveries, (found) =>
    found.every(({ status }: { status: string }) => status === "delivered"),
  );
  expect(ended.map(({ attempts_made }: { attempts_made: number }) => attempts_made)).toEqual([
    1, 1, 1,
  ]);
  await worker.stop();
  expect(inbox.requests.map(({ headers }) => headers["webhook-attempt"])).toEqual(["1", "1", "1"]);
});

test("each fifth lease in a row that runs out is one failed attempt: it spends a wait and sends nothing", async () => {
  await subscribe("a", { retry_schedule_s: [1] });
  await publish(1);
  for (let n = 0; n < CRASHES_MAX; n++) expect(await claimAndDie()).toBe(1);
  const worker = await startWorker();
  const [request] = await inbox.arrived(1);
  expect(request?.headers["webhook-attempt"]).toBe("2");
  const [delivery] = await until(deliveries, ([first]) => first?.status === "delivered");
  const { body } = await post("deliveries.info", { id: delivery.id });
  expect(
    body.attempts.map(({ number, reason, status }: Record<string, unknown>) => [
      number,
      reason,
      status,
    ]),
  ).toEqual([
    [1, "worker_crashed", null],
    [2, null, 200],
  ]);
  await worker.stop();
  expect(inbox.requests).toHaveLength(1);
});

test("four leases in a row that run out cost nothing but time", async () => {
  await subscribe("a", { retry_schedule_s: [] });
  await publish(1);
  for (let n = 1; n < CRASHES_MAX; n++) expect(await claimAndDie()).toBe(1);
  const worker = await startWorker();
  await inbox.arrived(1);
  const [delivery] = await until(deliveries, ([first]) => first?.status === "delivered");
  expect(delivery).toMatchObject({ attempts_made: 1, reason: null });
  await worker.stop();
});
