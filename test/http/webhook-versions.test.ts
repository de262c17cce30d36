// What a change of a webhook leaves behind: one version for each that changes anything, and so many a day.
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type pg from "pg";

import { caller, type Call } from "../helpers/api.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

const SETTINGS = {
  url: "http://127.0.0.1:9999/hook",
  name: "mine",
  headers: { "X-B": "1", "X-A": "2" },
  signature_key: "k",
  events: ["message.created"],
  channels: ["a"],
  retry_schedule_s: [1, 2],
  timeout_ms: 2_000,
  rate_limit_per_s: 0.1,
  order: "channel",
};

let service: TestService;
let sql: pg.Client;
let post: Call;
let id: string;

beforeAll(async () => {
  service = await startTestService({}, { role: "api" });
  post = caller(service);
  sql = await service.connect();
});
afterAll(() => service.stop());
beforeEach(async () => {
  id = (await post("webhooks.subscribe", SETTINGS).expect(200)).body.id;
});

const versions = async () =>
  (
    await sql.query(
      `select v.valid_until, v.headers_masked from posthorn.webhook_versions as v
       join posthorn.webhooks as w on w.webhook_id = v.webhook_id where w.id = $1 order by v.valid_from`,
      [id],
    )
  ).rows;

test("what changes nothing leaves no version, and the webhook as it was", async () => {
  const before = (await post("webhooks.info", { id }).expect(200)).body;
  for (const [operation, body] of [
    ["update", {}],
    ["update", SETTINGS],
    ["update", { status: "Subscribed", paused: false, name: "mine" }],
    ["subscribe", SETTINGS],
    ["rotate_key", { signature_key: "k" }],
    ["rotate_key", { signature_key: "k", overlap_s: 0 }],
  ] as const)
    await post(`webhooks.${operation}`, { id, ...body }).expect(200);
  expect(await versions()).toHaveLength(1);
  expect((await post("webhooks.info", { id }).expect(200)).body).toEqual(before);
  for (let n = 0; n < 2; n++) await post("webhooks.unsubscribe", { id }).expect(200);
  expect(await versions()).toHaveLength(2);
});

test.each<[string, object]>([
  ["headers in another order", { headers: { "X-A": "2", "X-B": "1" } }],
  ["a key that is generated", { generate_signature_key: true }],
  ["one channel more", { channels: ["a", "b"] }],
])("%s is a change, and the version before ends with it", async (_, change) => {
  await post("webhooks.update", { id, ...change }).expect(200);
  const [before, after, ...more] = await versions();
  expect(before.valid_until).toBeInstanceOf(Date);
  expect(after.valid_until).toBeNull();
  expect(Object.keys(after.headers_masked).sort()).toEqual(["X-A", "X-B"]);
  expect(more).toEqual([]);
});

test("the last version of a deleted webhook ends with it", async () => {
  await post("webhooks.delete", { id }).expect(200);
  expect((await versions())[0].valid_until).toBeInstanceOf(Date);
});

test("after 1,000 changes of a webhook in a day only what stops it is taken, and others change as ever", async () => {
  await sql.query(
    `insert into posthorn.webhook_versions (webhook_id, version, tenant, url, preset, headers_masked, valid_from, valid_until)
     select webhook_id, gen_random_uuid(), tenant, url, preset, '{}', now() - interval '23 hours', now()
     from posthorn.webhooks, generate_series(1, 999) where id = $1`,
    [id],
  );
  const { headers, body } = await post("webhooks.update", { id, name: "once more" }).expect(429);
  expect(body.code).toBe("rate_limited");
  expect(Number(headers["retry-after"])).toBeGreaterThan(3_500);
  expect(Number(headers["retry-after"])).toBeLessThanOrEqual(3_600);
  await post("webhooks.rotate_key", { id }).expect(429);
  await post("webhooks.update", { id, name: "mine" }).expect(200); // which changes nothing
  await post("webhooks.update", { id, paused: true }).expect(200);
  await post("webhooks.update", { id, paused: false }).expect(429);
  await post("webhooks.unsubscribe", { id }).expect(200);
  await post("webhooks.delete", { id }).expect(200);
  const other = (await post("webhooks.subscribe", SETTINGS).expect(200)).body.id;
  await post("webhooks.update", { id: other, name: "other" }).expect(200);
});
