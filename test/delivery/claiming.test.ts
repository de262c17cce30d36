// Claims where looking at all webhooks is slow: mostly of those that are known, and what they don't see is found in time.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { createClaiming, type Claiming } from "../../src/delivery/claiming.ts";
import { silentLog } from "../../src/kernel/log.ts";
import { releaseClaimed } from "../../src/queue/release.ts";
import { connect, type Connection } from "../../src/database/connect.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const LIMITS = {
  limit: 50,
  slots: {},
  otherSlots: { proven: 2, unproven: 2 },
  unprovenMax: 50,
};
const SLOW_MS = 100; // of a claim by the clock below
const ALL_ARE_SLOW = -1;

let service: TestService; // an api alone: nobody claims but the tests
let worker: Connection;
let post: Call;
let nowMs: number;
let claiming: Claiming;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  worker = connect(service.databaseUrl, {
    name: "claiming",
    max: 1,
    log: silentLog,
    plans: "pinned once",
  });
});
afterAll(async () => {
  await worker.close();
  await service.stop();
});
beforeEach(async () => {
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  nowMs = 0;
  // The clock is asked before each claim, and again after one of all.
  claiming = createClaiming(worker.pool, () => (nowMs += SLOW_MS), { slowMs: ALL_ARE_SLOW });
  await worker.pool.query("delete from posthorn.deliveries");
});

const subscribe = async (channel: string, isProven = true) => {
  await post("webhooks.subscribe", { url: "https://example.com/", channels: [channel] }).expect(
    200,
  );
  if (isProven) await worker.pool.query("update posthorn.webhook_states set proven = true");
};
const publish = (channel: string, count = 1) =>
  post("events.publish_many", {
    events: Array.from({ length: count }, () => ({ type: "message.created", payload: 1, channel })),
  }).expect(200);
const claimed = async () => (await claiming.claim(LIMITS)).deliveries;
const claim = async () => (await claimed()).length;
const slowDown = async () => {
  for (let n = 0; n < 3; n++) await claim();
};

async function entriesRead(): Promise<number> {
  await worker.pool.query("select pg_stat_force_next_flush()");
  const { rows } = await worker.pool.query<{ read: number }>(
    `select idx_tup_read::integer as read from pg_stat_user_indexes
     where schemaname = 'posthorn' and indexrelname = 'deliveries_ready'`,
  );
  return rows[0]?.read ?? Number.NaN;
}

test("a webhook that was claimed of goes on at once, and one that was not is found within a second", async () => {
  await subscribe("known");
  await subscribe("new");
  await publish("known", 3);
  await slowDown();
  await publish("known");
  await publish("new");
  expect(await claim()).toBe(1); // 300 ms are to pass before the next look at all
  const claims = [await claim(), await claim()];
  expect(claims).toEqual([0, 1]);
});

test("what comes back from before is found by the next look at all webhooks", async () => {
  await subscribe("known");
  await publish("known", 2);
  await slowDown();
  await worker.pool.query(
    "update posthorn.deliveries set due_at = due_at - interval '1 hour', locked_until = null",
  );
  expect([await claim(), await claim(), await claim()]).toEqual([0, 0, 2]);
});

test("what is given back is claimed again at once", async () => {
  await subscribe("known");
  await publish("known", 6);
  await claim();
  await claim();
  const last = await claimed();
  await releaseClaimed(worker.pool, last);
  claiming.returned(last);
  expect(await claim()).toBe(2);
});

test("those on probation are left to the looks at all, which give each its turn", async () => {
  await subscribe("known");
  await subscribe("new", false);
  await publish("known");
  await publish("new", 8);
  await slowDown();
  await publish("known");
  const claims = [await claim(), await claim(), await claim()];
  expect(claims).toEqual([1, 0, 2]);
});

test("under an open transaction claims of what is known don't walk through what was delivered before", async () => {
  const dump = new pg.Client({ connectionString: service.databaseUrl });
  await dump.connect();
  try {
    await subscribe("busy");
    await dump.query("begin isolation level repeatable read");
    await dump.query("select");
    await publish("busy", 1_000);
    await worker.pool.query("delete from posthorn.deliveries");
    await publish("busy", 6);
    await slowDown();
    await publish("busy", 2);
    const before = await entriesRead();
    expect(await claim()).toBe(2);
    const between = await entriesRead();
    nowMs += 1_000;
    await claim();
    const after = await entriesRead();
    expect(after - between).toBeGreaterThan(900);
    expect(between - before).toBeLessThan(100);
  } finally {
    await dump.end();
  }
});
