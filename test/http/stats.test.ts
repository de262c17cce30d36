// Statistics as a page asks for them: what became of deliveries, by time.
import { randomUUID } from "node:crypto";

import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";

import { caller, until, type Call } from "../helpers/api.ts";
import { startInbox, type Inbox } from "../helpers/inbox.ts";
import { startTestService, type TestService } from "../helpers/service.ts";

let service: TestService;
let inbox: Inbox;
let post: Call;
let tenants = 0;

beforeAll(async () => {
  service = await startTestService();
  inbox = await startInbox();
});
afterAll(async () => {
  await service.stop();
  await inbox.close();
});
beforeEach(() => {
  inbox.reply = () => ({});
  post = caller(service, { "X-Tenant": `tenant-${++tenants}` });
});

const subscribe = async (settings: object = {}): Promise<string> =>
  (await post("webhooks.subscribe", { url: inbox.url, ...settings }).expect(200)).body.id;
const publish = (event: object = {}) =>
  post("events.publish", { type: "message.created", payload: 1, ...event }).expect(200);
/** The totals once so many attempts are in them. */
const totals = (attempts: number, operation = "stats.overview", input: object = {}) =>
  until(
    async () => (await post(operation, input).expect(200)).body.totals,
    (sums) => sums.attempts === attempts,
  );

test("a delivered, a retried and a dead delivery are counted, of the tenant and of the webhook", async () => {
  inbox.reply = ({ headers }) => ({ status: headers["webhook-attempt"] === "1" ? 500 : 200 });
  const retried = await subscribe({ channels: ["retried"], retry_schedule_s: [1] });
  const dead = await subscribe({ channels: ["dead"], retry_schedule_s: [] });
  await publish({ channel: "retried" });
  await publish({ channel: "dead" });
  const sums = await totals(3);
  expect(sums).toMatchObject({ attempts: 3, delivered: 1, retried: 1, dead: 1 });
  expect(await totals(2, "stats.webhook", { id: retried })).toMatchObject({
    delivered: 1,
    retried: 1,
    dead: 0,
  });
  expect(await totals(1, "stats.webhook", { id: dead })).toMatchObject({
    delivered: 0,
    retried: 0,
    dead: 1,
  });
  const { body } = await post("stats.webhooks", { ids: [dead, retried] }).expect(200);
  expect(body.data).toMatchObject([
    { id: dead, totals: { dead: 1 }, buckets: [{ dead: 1 }] },
    { id: retried, totals: { delivered: 1, retried: 1 } },
  ]);
  const { body: alone } = await post("stats.webhook", { id: dead }).expect(200);
  const short = ({ counts: _, ...latency }: { counts?: unknown } = {}) => latency;
  expect(body.data[0].buckets).toEqual(
    alone.buckets.map(({ attempt_latency, start_latency, ...bucket }: Record<string, object>) => ({
      ...bucket,
      attempt_latency: short(attempt_latency),
      start_latency: short(start_latency),
    })),
  );
});

test("an admin's X-Tenant: * is answered over all tenants: the sum of them, and webhooks with whose they are", async () => {
  const all = caller(service, { "X-Tenant": "*" });
  const overview = async () => (await all("stats.overview").expect(200)).body;
  const { attempts, delivered: before } = (await overview()).totals as Record<string, number>;
  const own = await subscribe();
  await publish();
  const tenant = `tenant-${tenants}`;
  const after = `${tenant}-after`;
  post = caller(service, { "X-Tenant": after });
  const later = await subscribe({ id: own }); // the same id, in a tenant that comes after
  const other = await subscribe();
  await publish();
  const { totals: sums, buckets } = await until(
    overview,
    ({ totals }) => totals.attempts === (attempts ?? 0) + 3,
  );
  expect(sums.delivered).toBe((before ?? 0) + 3);
  expect(sums.attempt_latency.p50_ms).toBeGreaterThan(0);
  const delivered = buckets.map((bucket: { delivered: number }) => bucket.delivered);
  expect(delivered.reduce((sum: number, each: number) => sum + each, 0)).toBe(sums.delivered);

  expect(later).toBe(own);
  const ofOne = { tenant, totals: { delivered: 1 } };
  const { body: one } = await all("stats.webhook", { id: own }).expect(200);
  expect(one).toMatchObject(ofOne);
  const { body: two } = await all("stats.webhooks", { ids: [other, own] }).expect(200);
  expect(two.data).toMatchObject([
    { id: other, tenant: after, totals: { delivered: 1 } },
    { id: own, ...ofOne },
  ]);
});

test("an answer tells its buckets, how long attempts took and how soon they began, and how exactly", async () => {
  inbox.reply = () => ({ until: new Promise((resolve) => setTimeout(resolve, 40)) });
  const id = await subscribe();
  await publish();
  await totals(1);
  const { body } = await post("stats.webhook", { id, bucket_s: 3_600 }).expect(200);
  const { since, until, bucket_s, latency_error, latency_bounds_ms, totals: sums, buckets } = body;
  expect([since, until].map((time) => new Date(time).getTime() % 3_600_000)).toEqual([0, 0]);
  expect({ bucket_s, latency_error }).toEqual({ bucket_s: 3_600, latency_error: 0.19 });
  expect(latency_bounds_ms).toHaveLength(31);
  const { at, ...ofBucket } = buckets[0];
  expect(buckets).toHaveLength(1);
  expect(new Date(at).getTime() % 3_600_000).toBe(0);
  expect(ofBucket).toEqual(sums);
  const { p50_ms, p95_ms, p99_ms, counts } = sums.attempt_latency;
  expect(p50_ms).toBeGreaterThanOrEqual(40 / 1.19);
  expect([p95_ms, p99_ms]).toEqual([p50_ms, p50_ms]);
  expect(counts).toHaveLength(32);
  expect(counts.reduce((sum: number, count: number) => sum + count, 0)).toBe(1);
  expect(sums.start_latency.p50_ms).toBeGreaterThan(0);
});

test("nothing of another tenant's webhooks, nor of a webhook made again under a deleted one's id", async () => {
  const id = await subscribe();
  await publish();
  await totals(1);
  const other = caller(service, { "X-Tenant": `tenant-${++tenants}` });
  const unknown = "3e639566-29fa-450d-a59f-ae3c25d7260f";
  const answerOf = async (of: string) => {
    const { body, status } = await other("stats.webhook", { id: of });
    return { status, code: body.code, message: body.message.replace(of, "") };
  };
  expect(await answerOf(id)).toEqual(await answerOf(unknown));
  const { body } = await other("stats.webhooks", { ids: [id, unknown] }).expect(200);
  expect(body.data).toEqual([]);
  expect((await other("stats.overview").expect(200)).body.totals.attempts).toBe(0);

  await post("webhooks.delete", { id }).expect(200);
  await post("stats.webhook", { id }).expect(404);
  await subscribe({ id });
  expect((await post("stats.webhook", { id }).expect(200)).body.totals.attempts).toBe(0);
  // The tenant's sum holds what was delivered all the same.
  expect((await post("stats.overview").expect(200)).body.totals.delivered).toBe(1);
});

test("a key to read is enough, and one to publish is not", async () => {
  for (const [scope, status] of [
    ["read", 200],
    ["manage", 200],
    ["publish", 403],
  ] as const) {
    const tenant = `tenant-${tenants}`;
    const { body } = await post("keys.create", { name: scope, scope, tenant }).expect(200);
    const own = caller({ ...service, adminKey: body.key });
    await own("stats.overview").expect(status);
    await own("stats.webhooks", { ids: ["3e639566-29fa-450d-a59f-ae3c25d7260f"] }).expect(status);
  }
});

test.each([
  ["stats.overview", { bucket_s: 61 }, "bucket_s"],
  ["stats.overview", { since: "2020-01-01T00:00:00Z" }, "since"],
  ["stats.overview", { since: "2999-01-01T00:00:00Z" }, "since"],
  ["stats.overview", { bucket_s: 60 }, "bucket_s"],
  ["stats.overview", { tenant: "other" }, "tenant"],
  ["stats.webhook", {}, "id"],
  ["stats.webhooks", { ids: [] }, "ids"],
  ["stats.webhooks", { ids: ["evt_1"] }, "ids.0"],
] as const)("%s %j is refused, and the answer names the field", async (operation, input, path) => {
  const { body } = await post(operation, input).expect(400);
  expect(body).toMatchObject({ code: "invalid_request", issues: [{ path }] });
});

test("a call takes 200 webhooks, and not one more", async () => {
  const ids = Array.from({ length: 201 }, () => randomUUID());
  const { body } = await post("stats.webhooks", { ids: ids.slice(1) }).expect(200);
  expect(body).toMatchObject({ bucket_s: 3_600, data: [] });
  expect((await post("stats.webhooks", { ids }).expect(400)).body.issues).toMatchObject([
    { path: "ids" },
  ]);
});
