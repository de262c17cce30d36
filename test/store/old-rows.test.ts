// What is over and nothing points to any more goes; what anything kept may point to stays.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import pg from "pg";

import { partitionSuffix } from "../../src/database/partitions.ts";
import { DAY } from "../../src/kernel/duration.ts";
import { forgetOld } from "../../src/store/old-rows.ts";
import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService; // an api alone: nothing goes but by the tests
let pool: pg.Pool;
let post: Call;
let id: string;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
  pool = new pg.Pool({ connectionString: service.databaseUrl, max: 1 });
});
afterAll(async () => {
  await pool.end();
  await service.stop();
});
beforeEach(async () => {
  id = (await post("webhooks.subscribe", { url: "http://127.0.0.1:9/" }).expect(200)).body.id;
  await post("webhooks.update", { id, name: "changed" }).expect(200);
});
afterEach(async () => {
  await pool.query("delete from posthorn.webhooks");
  await pool.query("delete from posthorn.webhook_versions");
  await pool.query("delete from posthorn.webhook_changes");
});

const KINDS = [
  "webhooks",
  "webhook_versions",
  "webhook_changes",
  "webhook_states",
  "counters",
  "replays",
  "erasures",
];
const left = async () => {
  const counts: Record<string, number> = {};
  for (const kind of KINDS)
    counts[kind] = (await pool.query(`select from posthorn.${kind}`)).rowCount ?? 0;
  return counts;
};
/** Has everything of the webhook end so many days ago. */
const age = async (days: number) => {
  const then = `now() - interval '${days} days'`;
  await pool.query(
    `update posthorn.webhooks set deleted_at = ${then} where deleted_at is not null`,
  );
  for (const table of ["webhook_versions", "webhook_changes"])
    await pool.query(
      `update posthorn.${table} set valid_until = ${then} where valid_until is not null`,
    );
};
const publish = () => post("events.publish", { type: "message.created", payload: 1 }).expect(200);

test("a deleted webhook goes with all that is its own once the retention has passed its end", async () => {
  await pool.query(
    "insert into posthorn.counters (webhook_id) select webhook_id from posthorn.webhooks",
  );
  const since = new Date(Date.now() - DAY).toISOString();
  await post("webhooks.replay", { id, since }).expect(200);
  await post("webhooks.delete", { id }).expect(200);
  const all = await left();
  expect(all).toMatchObject({ webhooks: 1, webhook_versions: 2, webhook_states: 1, counters: 1 });
  await age(30.5);
  await forgetOld(pool, 30);
  expect(await left()).toEqual(all);
  await age(32);
  await forgetOld(pool, 30);
  expect(Object.values(await left())).toEqual(KINDS.map(() => 0));
});

test("a version goes once the retention has passed its end, the one that is valid never", async () => {
  await pool.query("update posthorn.webhook_versions set valid_from = now() - interval '90 days'");
  await age(32);
  await forgetOld(pool, 30);
  expect(await left()).toMatchObject({ webhooks: 1, webhook_versions: 1, webhook_changes: 1 });
  await post("webhooks.info", { id }).expect(200);
});

test.each(["events", "finished_deliveries", "attempts"])(
  "whatever was there on a day whose %s are kept stays, however long the retention is past",
  async (table) => {
    const day = `posthorn.${table}${partitionSuffix(new Date(Date.now() - 60 * DAY))}`;
    await pool.query(`create table ${day} (like posthorn.${table})`);
    await post("webhooks.delete", { id }).expect(200);
    await age(58);
    await forgetOld(pool, 30);
    expect(await left()).toMatchObject({ webhooks: 1, webhook_versions: 2 });
    await pool.query(`drop table ${day}`);
    await forgetOld(pool, 30);
    expect(await left()).toMatchObject({ webhooks: 0, webhook_versions: 0 });
  },
);

test("a deleted webhook with a delivery that has not ended stays", async () => {
  await publish();
  await pool.query("update posthorn.webhooks set deleted_at = now()");
  await age(90);
  await forgetOld(pool, 30);
  expect(await left()).toMatchObject({ webhooks: 1 });
  await pool.query("delete from posthorn.deliveries");
  await forgetOld(pool, 30);
  expect(await left()).toMatchObject({ webhooks: 0 });
});

test("replays and erasures go with the days that they were of", async () => {
  const { body: event } = await publish();
  await post("events.erase", { id: event.id }).expect(200);
  await pool.query("delete from posthorn.deliveries");
  await pool.query(
    "update posthorn.erasures set erased_at = now() - interval '32 days', event_id = posthorn.uuid_v7(now() - interval '33 days', 0)",
  );
  const since = new Date(Date.now() - DAY).toISOString();
  await post("webhooks.replay", { id, since }).expect(200);
  await pool.query("update posthorn.replays set status = 'done', finished_at = now()");
  await forgetOld(pool, 30);
  expect(await left()).toMatchObject({ replays: 1, erasures: 0 });
  await pool.query("update posthorn.replays set finished_at = now() - interval '32 days'");
  await forgetOld(pool, 30);
  expect(await left()).toMatchObject({ replays: 0, erasures: 0 });
});
