// Workers that die: what they had claimed is free before its lease has run out, and of those that live nothing is taken.
import { randomInt } from "node:crypto";

import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";

import { openClient } from "../../src/database/client.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { callRoll, type RollCall } from "../../src/delivery/roll-call.ts";
import { monotonic } from "../../src/kernel/clock.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { LEASES_ALONE, enterRoll, type Holder } from "../../src/queue/roll.ts";
import { caller, until, type Call } from "../helpers/api.ts";
import { claim } from "../helpers/claims.ts";
import { startDatabaseProxy } from "../helpers/database-proxy.ts";
import { afterwards, readyPosthorn } from "../helpers/process.ts";
import { SECRETS_KEY, startTestService, type TestService } from "../helpers/service.ts";

let api: TestService;
let post: Call;
let pool: Connection["pool"];
let close: Connection["close"];
let observer: RollCall;
let deaths: number;

beforeAll(async () => {
  api = await startTestService({}, { role: "api" });
  post = caller(api);
  ({ pool, close } = connect(api.databaseUrl, { name: "test", max: 2, log: silentLog }));
  await post("webhooks.subscribe", { url: "https://example.com/" }).expect(200);
});
afterAll(async () => {
  await close();
  await api.stop();
});
beforeEach(async () => {
  await pool.query("delete from posthorn.deliveries");
  await pool.query("delete from posthorn.workers");
  deaths = 0;
  observer = observe();
});
afterEach(() => observer.stop());

const observe = (died = () => {}) =>
  callRoll({
    url: api.databaseUrl,
    worker: randomInt(1e9),
    monotonic,
    died: () => {
      deaths++;
      died();
    },
    notified: () => {},
    log: silentLog,
  });
const publish = () => post("events.publish", { type: "message.created", payload: 1 }).expect(200);
const claimed = async (holder: Holder) => (await claim(pool, {}, holder)).deliveries;
/** Lets five seconds pass for all that are known to be gone. */
const pass = () =>
  pool.query(
    "update posthorn.workers set gone_at = gone_at - interval '5 seconds' where gone_at > now() - interval '5 seconds'",
  );
const noticed = (count: number) =>
  until(
    async () => {
      await pass();
      return deaths;
    },
    (found) => found >= count,
  );
const roll = async () =>
  (
    await pool.query<{ worker: number; session: string; gone_at: Date | null }>(
      "select worker, session, gone_at from posthorn.workers",
    )
  ).rows;
const sessionOf = async (worker: number) =>
  (await roll()).find((row) => row.worker === worker)?.session;
const rowOf = async () =>
  (await pool.query("select crashes, freed_early from posthorn.deliveries")).rows[0];

/** What a worker does that then dies: it is in the roll, claims, and its connection ends. */
async function claimAndDie(holder: Omit<Holder, "worker"> = { dead: [] }): Promise<number> {
  const worker = randomInt(1e9);
  const client = await openClient(api.databaseUrl, "dying");
  await enterRoll(client, worker);
  const { length } = await claimed({ ...holder, worker });
  await client.end();
  return length;
}

test("what a dead worker had claimed is claimed by another before its lease is over, and is no crash", async () => {
  await publish();
  expect(await claimAndDie()).toBe(1);
  expect(await claimed(observer.holder())).toHaveLength(0);
  await noticed(1);
  expect(await claimed(observer.holder())).toHaveLength(1);
  expect(await rowOf()).toEqual({ crashes: 0, freed_early: 1 });
});

test("a row whose worker died twice in a row waits out its third lease, which is a crash", async () => {
  await publish();
  expect(await claimAndDie()).toBe(1);
  await noticed(1);
  expect(await claimAndDie(observer.holder())).toBe(1);
  await noticed(2);
  expect(await claimAndDie(observer.holder())).toBe(1);
  await noticed(3);
  expect(await claimed(observer.holder())).toHaveLength(0);
  await pool.query("update posthorn.deliveries set locked_until = now() - interval '1 second'");
  expect(await claimed(observer.holder())).toHaveLength(1);
  expect(await rowOf()).toEqual({ crashes: 1, freed_early: 0 });
});

test("the head of a lane waits for its lease, since the dead worker's request may come behind the next", async () => {
  await publish();
  await pool.query("update posthorn.deliveries set lane = 1");
  expect(await claimAndDie()).toBe(1);
  await noticed(1);
  expect(await claimed(observer.holder())).toHaveLength(0);
});

test("a worker that is back within its lease keeps it, whoever has just seen it dead", async () => {
  await publish();
  const worker = randomInt(1e9);
  const first = await openClient(api.databaseUrl, "cut");
  await enterRoll(first, worker);
  expect(await claimed({ worker, dead: [] })).toHaveLength(1);
  await first.end();
  await noticed(1);
  const seen = observer.holder();
  const second = await openClient(api.databaseUrl, "back");
  await enterRoll(second, worker);
  expect(await claimed(seen)).toHaveLength(0);
  expect((await roll()).find((row) => row.worker === worker)?.gone_at).toBeNull(); // else the next cut would count as long
  await second.end();
});

test("for how long a worker is gone is known to one that comes later, so that one killed again and again frees what it held", async () => {
  await publish();
  expect(await claimAndDie()).toBe(1);
  await until(roll, (found) => found.some(({ gone_at }) => gone_at !== null));
  expect(deaths).toBe(0); // it has not been gone for long
  await observer.stop();
  await pass();
  const died = new Promise<void>((resolve) => (observer = observe(resolve)));
  await died;
  expect(await claimed(observer.holder())).toHaveLength(1);
});

test("a restart of the server ends all sessions and says of no worker that it is dead", async () => {
  await publish();
  expect(await claimAndDie()).toBe(1);
  await pool.query("update posthorn.workers set server_start = server_start - interval '1 hour'");
  await claimAndDie(); // by this one it shows that enough time has passed
  await noticed(1);
  expect(observer.holder().dead).toHaveLength(1);
  expect(await claimed(observer.holder())).toHaveLength(0);
});

test("a worker that is stopped and goes on is not dead; one that is killed is", async () => {
  const worker = await readyPosthorn(["worker"], {
    DATABASE_URL: api.databaseUrl,
    POSTHORN_SECRETS_KEY: SECRETS_KEY,
    PORT: "0",
  });
  await until(roll, (found) => found.length === 2);
  worker.kill("SIGSTOP");
  await claimAndDie(); // it is seen dead later than the stopped one would be
  await noticed(1);
  expect(observer.holder().dead).toHaveLength(1);
  worker.kill("SIGKILL");
  await noticed(2);
});

test("a worker whose session is ended by somebody shows another, and is not taken for dead", async () => {
  const worker = randomInt(1e9);
  const alive = callRoll({
    url: api.databaseUrl,
    worker,
    monotonic,
    died: () => {},
    notified: () => {},
    log: silentLog,
  });
  afterwards(() => alive.stop());
  const session = await until(
    () => sessionOf(worker),
    (found) => found !== undefined,
  );
  await pool.query("select pg_terminate_backend(pid) from posthorn.workers where worker = $1", [
    worker,
  ]);
  await until(
    () => sessionOf(worker),
    (found) => found !== session,
  );
  await until(
    () => Promise.resolve(alive.holder().worker),
    (found) => found === worker,
  );
  await claimAndDie();
  await noticed(1);
  expect(observer.holder().dead).toHaveLength(1);
});

test("a worker whose connection has gone silent claims under no number until it has another", async () => {
  const proxy = await startDatabaseProxy(api.databaseUrl);
  afterwards(() => proxy.close());
  const worker = randomInt(1e9);
  const alive = callRoll({
    url: proxy.url,
    worker,
    monotonic,
    died: () => {},
    notified: () => {},
    log: silentLog,
  });
  afterwards(() => alive.stop());
  await until(
    () => sessionOf(worker),
    (found) => found !== undefined,
  );
  proxy.goSilent();
  await until(
    () => Promise.resolve(alive.holder().worker),
    (found) => found === null,
  );
  await until(
    () => Promise.resolve(alive.holder().worker),
    (found) => found === worker,
  );
  expect(deaths).toBe(0);
});

test("with the least number of connections there is no roll call, and leases alone decide", async () => {
  const service = await startTestService(
    { DATABASE_URL: api.databaseUrl, POSTHORN_CONNECTIONS: "2" },
    { role: "worker" },
  );
  expect(await roll()).toHaveLength(1);
  await service.stop();
  expect(LEASES_ALONE()).toEqual({ worker: null, dead: [] });
});
